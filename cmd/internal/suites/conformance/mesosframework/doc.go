// Package mesosframework runs a scheduler written with npm's mesos-framework, which speaks the HTTP API in JSON.
package mesosframework
