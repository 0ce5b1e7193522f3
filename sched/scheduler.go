package sched

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Scheduler is a framework's side of the conversation. Its methods are called one at a time, on the driver's turn:
// they must not block, and they own no message they are given beyond reading it. Embed [Base] to implement some.
//
// Mesos: class Scheduler.
type Scheduler interface {
	// Registered tells that the framework is known to a master under id: the first time, or after taking over from a
	// failed scheduler. Offers follow.
	Registered(d *Driver, id ids.Framework, master *mesospb.MasterInfo)
	// Reregistered tells that the driver is connected again, usually to another master, and that the tasks live on.
	Reregistered(d *Driver, master *mesospb.MasterInfo)
	// Disconnected tells that the master is lost. Until Registered or Reregistered, calls on the driver have no effect
	// and all offers are void.
	Disconnected(d *Driver)
	// ResourceOffers hands out resources. Each offer must be accepted or declined.
	ResourceOffers(d *Driver, offers []*mesospb.Offer)
	// OfferRescinded takes an offer back.
	OfferRescinded(d *Driver, offer ids.Offer)
	// StatusUpdate tells how a task fares. The same update may come more than once.
	StatusUpdate(d *Driver, status *mesospb.TaskStatus)
	// FrameworkMessage brings bytes from an executor. Delivery is at most once.
	FrameworkMessage(d *Driver, executor ids.Executor, agent ids.Agent, data []byte)
	// AgentLost tells that an agent is gone with all it ran. Mesos: Scheduler::slaveLost.
	AgentLost(d *Driver, agent ids.Agent)
	// ExecutorLost tells that an executor ended; its tasks are reported by StatusUpdate. status is that of wait(2).
	ExecutorLost(d *Driver, executor ids.Executor, agent ids.Agent, status int)
	// Error tells of something the driver cannot recover from. The driver has aborted itself.
	Error(d *Driver, message string)
}

// Base is a [Scheduler] that ignores everything. Note that it lets offers lie.
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
