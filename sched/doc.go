// Package sched is how a Go program becomes a Mesos framework: the v0 scheduler driver.
//
// A framework implements [Scheduler] and hands it to [NewDriver]. The driver finds the leading master, subscribes with
// back-off, survives the loss of its master, and turns the master's messages into callbacks; the framework answers
// offers and updates through the [Driver].
//
// Partners: the driver's actor, [SchedulerProcess], speaks mesos.scheduler.Call and the mesos.internal messages with
// the actor "master" of any Mesos master, and sends framework messages straight to agents whose PID an offer told.
//
// Guarantees: callbacks never run at the same time, and in the order in which the master spoke. Only the leading
// master is listened to. Nothing is called back after [Driver.Stop] or [Driver.Abort], except for one callback that may
// be running already when they are called from elsewhere. A status update that the callback saw to its end is
// acknowledged, unless the framework asked to do that itself.
//
// The driver does not retry what it sends: what is lost with a connection is found by [Driver.ReconcileTasks].
package sched
