// Package mesosgo runs the examples and commands of github.com/mesos/mesos-go, as released, and a program of ours, operator,
// that makes each call of the operator APIs with its clients.
package mesosgo
