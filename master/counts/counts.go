// Package counts counts what happens in a master, and turns the counters and the master's book into metrics. It is data
// without effects, for use by one actor.
package counts

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// Counts counts events since the master started. Only metrics show them.
type Counts struct {
	Dropped uint64             // messages that arrived while this master did not lead
	heard   map[string]*uint64 // other messages, by full name
	calls   book.Tally         // of schedulers, by schedulerpb.Call_Type

	registers, reregisters uint64 // subscriptions without and with an ID, over either API
	launches               uint64 // acceptances with tasks
	Declines               uint64 // declines, and acceptances without tasks

	Updates, Acknowledgements Validity // of task status updates
	ToExecutors, ToFrameworks Validity // messages between schedulers and executors

	OperationAcknowledgements, OperationUpdates Validity
	Operations                                  Operations // on resources, including refused ones

	tasks   book.Tally // terminal ones, by mesospb.TaskState
	reasons map[ending]uint64

	Agents Agents
}

// Agents counts events of agents.
type Agents struct {
	Registrations, Reregistrations    uint64
	Removals                          uint64 // for any reason
	Unhealthy, Unregistered, Replaced uint64 // the reasons
	LostInRecovery                    uint64 // agents that did not re-register after a failover
	Unreachable                       Decisions
}

// Validity counts what was passed on and what was refused.
type Validity struct{ Valid, Invalid uint64 }

// Count counts one.
func (v *Validity) Count(valid bool) {
	if valid {
		v.Valid++
	} else {
		v.Invalid++
	}
}

// Decisions counts what had to wait for a permit, and the outcome.
type Decisions struct{ Scheduled, Completed, Canceled uint64 }

// Decided counts an outcome, and returns done.
func (d *Decisions) Decided(done bool) bool {
	if done {
		d.Completed++
	} else {
		d.Canceled++
	}
	return done
}

// ending is the way in which a task ended.
type ending struct {
	state  mesospb.TaskState
	source mesospb.TaskStatus_Source
	reason mesospb.TaskStatus_Reason
}

// HeardOf makes n the counter of messages like msg.
func (c *Counts) HeardOf(msg proto.Message, n *uint64) {
	if c.heard == nil {
		c.heard = map[string]*uint64{}
	}
	c.heard[string(msg.ProtoReflect().Descriptor().FullName())] = n
}

// messages returns the number of messages like msg.
func (c *Counts) messages(msg proto.Message) uint64 {
	if n := c.heard[string(msg.ProtoReflect().Descriptor().FullName())]; n != nil {
		return *n
	}
	return 0
}

// Called counts a valid call of a scheduler.
func (c *Counts) Called(t schedulerpb.Call_Type) { c.calls.Add(int32(t)) }

// InvalidCall counts an invalid call.
func (c *Counts) InvalidCall(t schedulerpb.Call_Type) {
	switch t {
	case schedulerpb.Call_ACKNOWLEDGE:
		c.Acknowledgements.Invalid++
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS:
		c.OperationAcknowledgements.Invalid++
	case schedulerpb.Call_MESSAGE:
		c.ToExecutors.Invalid++
	}
}

// Subscribing counts a subscription.
func (c *Counts) Subscribing(info *mesospb.FrameworkInfo) {
	if ids.FrameworkOf(info.GetId()) == "" {
		c.registers++
	} else {
		c.reregisters++
	}
}

// Accepted counts an ACCEPT with these operations, as a launch of tasks, or as a decline if there are none.
func (c *Counts) Accepted(operations []*mesospb.Offer_Operation) {
	for _, op := range operations {
		switch {
		case op.GetType() != mesospb.Offer_Operation_LAUNCH:
		case len(op.GetLaunch().GetTaskInfos()) > 0:
			c.launches++
		default:
			c.Declines++
		}
	}
}

// Ended counts a terminal task.
func (c *Counts) Ended(s *mesospb.TaskStatus) {
	c.tasks.Add(int32(s.GetState()))
	if s.Reason == nil {
		return
	}
	if c.reasons == nil {
		c.reasons = map[ending]uint64{}
	}
	c.reasons[ending{s.GetState(), s.GetSource(), s.GetReason()}]++
}
