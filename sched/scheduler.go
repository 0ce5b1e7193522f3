package sched

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Scheduler is the interface that a framework implements. Its methods are called one at a time, on the driver's turn.
// They must not block, and must not modify or retain the messages they are given. Embed [Base] to implement only some
// of them.
//
// Mesos: class Scheduler.
type Scheduler interface {
	// Registered reports that a master has registered the framework under id, for the first time or after a takeover
	// from a failed scheduler. Offers follow.
	Registered(d *Driver, id ids.Framework, master *mesospb.MasterInfo)
	// Reregistered reports that the driver is connected again, usually to another master. The tasks are still running.
	Reregistered(d *Driver, master *mesospb.MasterInfo)
	// Disconnected reports that the connection to the master is lost. Until Registered or Reregistered, calls on the
	// driver have no effect and all offers are void.
	Disconnected(d *Driver)
	// ResourceOffers delivers offers. Each of them must be accepted or declined.
	ResourceOffers(d *Driver, offers []*mesospb.Offer)
	// OfferRescinded reports that an offer is no longer valid.
	OfferRescinded(d *Driver, offer ids.Offer)
	// StatusUpdate reports the state of a task. The same update may be delivered more than once.
	StatusUpdate(d *Driver, status *mesospb.TaskStatus)
	// FrameworkMessage delivers data from an executor. Delivery is at most once.
	FrameworkMessage(d *Driver, executor ids.Executor, agent ids.Agent, data []byte)
	// AgentLost reports that an agent is lost with everything that ran on it. Mesos: Scheduler::slaveLost.
	AgentLost(d *Driver, agent ids.Agent)
	// ExecutorLost reports that an executor ended. StatusUpdate reports its tasks. status is that of wait(2).
	ExecutorLost(d *Driver, executor ids.Executor, agent ids.Agent, status int)
	// Error reports an error that the driver cannot recover from. The driver has aborted itself.
	Error(d *Driver, message string)
}

// Base is a [Scheduler] that ignores everything. Note that it leaves offers unanswered.
type Base struct{}

var _ Scheduler = Base{}

// Registered implements [Scheduler].
func (Base) Registered(*Driver, ids.Framework, *mesospb.MasterInfo) {}

// Reregistered implements [Scheduler].
func (Base) Reregistered(*Driver, *mesospb.MasterInfo) {}

// Disconnected implements [Scheduler].
func (Base) Disconnected(*Driver) {}

// ResourceOffers implements [Scheduler].
func (Base) ResourceOffers(*Driver, []*mesospb.Offer) {}

// OfferRescinded implements [Scheduler].
func (Base) OfferRescinded(*Driver, ids.Offer) {}

// StatusUpdate implements [Scheduler].
func (Base) StatusUpdate(*Driver, *mesospb.TaskStatus) {}

// FrameworkMessage implements [Scheduler].
func (Base) FrameworkMessage(*Driver, ids.Executor, ids.Agent, []byte) {}

// AgentLost implements [Scheduler].
func (Base) AgentLost(*Driver, ids.Agent) {}

// ExecutorLost implements [Scheduler].
func (Base) ExecutorLost(*Driver, ids.Executor, ids.Agent, int) {}

// Error implements [Scheduler].
func (Base) Error(*Driver, string) {}
