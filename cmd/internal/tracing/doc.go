// Package tracing is the commands of mesos(1) that show what the actors of a cluster do: "mesos trace", which collects what
// all nodes remember about a task, a framework, an agent, an offer or an executor, and "mesos actor".
package tracing
