// Package executor is how a Go program becomes a Mesos executor: a driver that speaks v0 or v1, the twin of package sched.
//
// An agent starts the program in a sandbox and describes itself in the environment, which [ParseEnvironment] reads. The
// program implements [Executor] and hands it to [NewDriver]; the driver registers with the agent and turns the agent's
// messages into callbacks. The executor tells how its tasks fare by [Driver.SendStatusUpdate].
//
// Partners: the driver's actor, [ExecutorProcess], speaks with any Mesos agent: in the mesos.internal messages of v0, or,
// given a way to the agent over [HTTP], in the calls and events of v1.
//
// Guarantees: callbacks never run at the same time, and in the order in which the agent spoke. Every update, and every
// task without an acknowledged update, is kept until the agent acknowledges it, and told again to an agent that comes
// back after a restart. When the agent is gone for good, or asks for it, the executor is shut down; if that takes longer
// than the grace period, the driver kills the process group it is in.
package executor
