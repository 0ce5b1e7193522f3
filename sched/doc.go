// Package sched implements the v0 scheduler driver, by which a Go program becomes a Mesos framework.
//
// A framework implements [Scheduler] and passes it to [NewDriver]. The driver finds the leading master, subscribes
// with back-off, reconnects when the master is lost, and turns the master's messages into callbacks. The framework
// responds to offers and updates through the [Driver].
//
// Partners: the driver's actor, [SchedulerProcess], exchanges mesos.scheduler.Call and the mesos.internal messages
// with the actor "master" of any Mesos master. It sends framework messages directly to an agent if an offer carried
// its PID.
//
// Guarantees: callbacks never run concurrently, and run in the order in which the master sent the messages. Only
// messages of the leading master count. No callback starts after [Driver.Stop] or [Driver.Abort]; one may still be
// running when they are called outside a callback. A status update is acknowledged after its callback returns, unless
// the framework asked for explicit acknowledgements.
//
// The driver does not retry what it sends. After a lost connection, use [Driver.ReconcileTasks] to learn the state of
// tasks.
package sched
