// Package counts is how often things happened to a master, and how its metrics show that and its book. All of it is
// data without effects, for one actor.
package counts

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// Counts is how often things happened since the master started. Only metrics show it.
type Counts struct {
	Dropped uint64             // messages that came while this master did not lead
	heard   map[string]*uint64 // the others, by their full names
	calls   book.Tally         // of schedulers, by schedulerpb.Call_Type

	registers, reregisters uint64 // subscriptions without and with an id, whichever way they came
	launches               uint64 // acceptances with tasks
	Declines               uint64 // declines, and acceptances without tasks

	Updates, Acknowledgements Validity // of statuses of tasks
	ToExecutors, ToFrameworks Validity // messages between schedulers and executors

	OperationAcknowledgements, OperationUpdates Validity
	OperationErrors                             book.Tally // operations that were refused, by mesospb.Offer_Operation_Type

	tasks   book.Tally // that are over, by mesospb.TaskState
	reasons map[ending]uint64

	Agents Agents
}

// Agents is what happened to agents.
type Agents struct {
	Registrations, Reregistrations    uint64
	Removals                          uint64 // for whatever reason
	Unhealthy, Unregistered, Replaced uint64 // the reasons
	LostInRecovery                    uint64 // that did not come to this master
	Unreachable                       Decisions
}

// Validity counts what was passed on, and what was not.
type Validity struct{ Valid, Invalid uint64 }

// Count counts one of them.
func (v *Validity) Count(valid bool) {
	if valid {
		v.Valid++
	} else {
		v.Invalid++
	}
}

// Decisions counts what waits for a permit, and what became of it.
type Decisions struct{ Scheduled, Completed, Canceled uint64 }

// Decided counts that it is done after all, or not, and returns which.
func (d *Decisions) Decided(done bool) bool {
	if done {
		d.Completed++
	} else {
		d.Canceled++
	}
	return done
}

// ending is how a task ended.
type ending struct {
	state  mesospb.TaskState
	source mesospb.TaskStatus_Source
	reason mesospb.TaskStatus_Reason
}

// HeardOf has messages like msg counted by n.
func (c *Counts) HeardOf(msg proto.Message, n *uint64) {
	if c.heard == nil {
		c.heard = map[string]*uint64{}
	}
	c.heard[string(msg.ProtoReflect().Descriptor().FullName())] = n
}

// messages is how many messages like msg were heard.
func (c *Counts) messages(msg proto.Message) uint64 {
	if n := c.heard[string(msg.ProtoReflect().Descriptor().FullName())]; n != nil {
		return *n
	}
	return 0
}

// Called counts a call of a scheduler that is carried out.
func (c *Counts) Called(t schedulerpb.Call_Type) { c.calls.Add(int32(t)) }

// InvalidCall counts a call that makes no sense.
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

// Accepted counts an ACCEPT with these operations: as a launch of tasks, or as a decline if there are none.
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

// Ended counts a task that is over.
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
