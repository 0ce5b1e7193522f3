package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// counts is how often things happened since the master started. Only metrics show it.
type counts struct {
	dropped uint64             // messages that came while this master did not lead
	heard   map[string]*uint64 // the others, by their full names
	calls   book.Tally         // of schedulers, by schedulerpb.Call_Type

	registers, reregisters uint64 // subscriptions without and with an id, whichever way they came
	launches, declines     uint64 // acceptances with tasks; those without, and declines

	updates, acknowledgements, toExecutors, toFrameworks validity

	operationAcknowledgements, operationUpdates validity
	operationErrors                             book.Tally // operations that were refused, by mesospb.Offer_Operation_Type

	tasks   book.Tally // that are over, by mesospb.TaskState
	reasons map[ending]uint64

	agents struct {
		registrations, reregistrations    uint64
		removals                          uint64 // for whatever reason
		unhealthy, unregistered, replaced uint64 // the reasons
		lostInRecovery                    uint64 // that did not come to this master
		unreachable                       decisions
	}
}

// validity counts what was passed on, and what was not.
type validity struct{ valid, invalid uint64 }

func (v *validity) count(valid bool) {
	if valid {
		v.valid++
	} else {
		v.invalid++
	}
}

// decisions counts what waits for a permit, and what became of it.
type decisions struct{ scheduled, completed, canceled uint64 }

// decided counts that it is done after all, or not, and returns which.
func (d *decisions) decided(done bool) bool {
	if done {
		d.completed++
	} else {
		d.canceled++
	}
	return done
}

// ending is how a task ended.
type ending struct {
	state  mesospb.TaskState
	source mesospb.TaskStatus_Source
	reason mesospb.TaskStatus_Reason
}

// heardOf has messages like msg counted by n.
func (c *counts) heardOf(msg proto.Message, n *uint64) {
	if c.heard == nil {
		c.heard = map[string]*uint64{}
	}
	c.heard[string(msg.ProtoReflect().Descriptor().FullName())] = n
}

// messages is how many messages like msg were heard.
func (c *counts) messages(msg proto.Message) uint64 {
	if n := c.heard[string(msg.ProtoReflect().Descriptor().FullName())]; n != nil {
		return *n
	}
	return 0
}

// called counts a call of a scheduler that is carried out.
func (c *counts) called(t schedulerpb.Call_Type) { c.calls.Add(int32(t)) }

// invalidCall counts a call that makes no sense.
func (c *counts) invalidCall(t schedulerpb.Call_Type) {
	switch t {
	case schedulerpb.Call_ACKNOWLEDGE:
		c.acknowledgements.invalid++
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS:
		c.operationAcknowledgements.invalid++
	case schedulerpb.Call_MESSAGE:
		c.toExecutors.invalid++
	}
}

func (c *counts) subscribing(info *mesospb.FrameworkInfo) {
	if ids.FrameworkOf(info.GetId()) == "" {
		c.registers++
	} else {
		c.reregisters++
	}
}

func (c *counts) accepted(operations []*mesospb.Offer_Operation) {
	for _, op := range operations {
		switch {
		case op.GetType() != mesospb.Offer_Operation_LAUNCH:
		case len(op.GetLaunch().GetTaskInfos()) > 0:
			c.launches++
		default:
			c.declines++
		}
	}
}

// ended counts a task that is over.
func (c *counts) ended(s *mesospb.TaskStatus) {
	c.tasks.Add(int32(s.GetState()))
	if s.Reason == nil {
		return
	}
	if c.reasons == nil {
		c.reasons = map[ending]uint64{}
	}
	c.reasons[ending{s.GetState(), s.GetSource(), s.GetReason()}]++
}

// eventOf is what a message to a scheduler means to it, in the words of the v1 API.
func eventOf(msg proto.Message) schedulerpb.Event_Type {
	switch msg := msg.(type) {
	case *schedulerpb.Event:
		return msg.GetType()
	case *internalpb.FrameworkRegisteredMessage, *internalpb.FrameworkReregisteredMessage:
		return schedulerpb.Event_SUBSCRIBED
	case *internalpb.FrameworkErrorMessage:
		return schedulerpb.Event_ERROR
	case *internalpb.ResourceOffersMessage:
		return schedulerpb.Event_OFFERS
	case *internalpb.RescindResourceOfferMessage:
		return schedulerpb.Event_RESCIND
	case *internalpb.InverseOffersMessage:
		return schedulerpb.Event_INVERSE_OFFERS
	case *internalpb.RescindInverseOfferMessage:
		return schedulerpb.Event_RESCIND_INVERSE_OFFER
	case *internalpb.StatusUpdateMessage:
		return schedulerpb.Event_UPDATE
	case *internalpb.UpdateOperationStatusMessage:
		return schedulerpb.Event_UPDATE_OPERATION_STATUS
	case *internalpb.ExecutorToFrameworkMessage:
		return schedulerpb.Event_MESSAGE
	case *internalpb.LostSlaveMessage, *internalpb.ExitedExecutorMessage:
		return schedulerpb.Event_FAILURE
	}
	return schedulerpb.Event_UNKNOWN
}
