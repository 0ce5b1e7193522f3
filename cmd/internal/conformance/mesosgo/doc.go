// Package mesosgo runs the examples of github.com/mesos/mesos-go, as released.
package mesosgo
