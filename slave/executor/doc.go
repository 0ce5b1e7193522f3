// Package executor implements the executor driver, by which a Go program becomes a Mesos executor. It supports v0 and
// v1, and is the counterpart of package sched.
//
// An agent starts the program in a sandbox and describes itself in environment variables, which [ParseEnvironment]
// reads. The program implements [Executor] and passes it to [NewDriver]. The driver registers with the agent and turns
// the agent's messages into callbacks. The executor reports the state of its tasks with [Driver.SendStatusUpdate].
//
// Partners: the driver's actor, [ExecutorProcess], talks to any Mesos agent, in the mesos.internal messages of v0 or,
// if [Options.HTTP] is set, in the calls and events of v1.
//
// Guarantees: callbacks never run concurrently, and run in the order in which the agent sent the messages. An update is
// kept until the agent acknowledges it, and a task until one of its updates is acknowledged; both are sent again to an
// agent that comes back after a restart. When the agent is gone for good, or asks for it, the executor is shut down. If
// it does not stop within the grace period, the driver kills it with everything that it started.
package executor
