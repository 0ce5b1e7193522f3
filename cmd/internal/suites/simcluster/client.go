package simcluster

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// client is a scheduler that speaks HTTP, by way of the master's [door].
type client struct {
	runtime.Actor
	scheduler  *Scheduler
	subscribed bool
	again      runtime.Timer // subscribes
	failed     bool
}

// Initialize implements [runtime.Initializer].
func (c *client) Initialize() {
	runtime.Install(c, c.event)
	runtime.Install(c, c.refused)
	c.subscribe()
}

// subscribe asks to be the framework, until that is so.
func (c *client) subscribe() {
	if c.failed {
		return
	}
	c.subscribed = false
	info := proto.CloneOf(c.scheduler.framework.info)
	if id := c.scheduler.framework.ID; id != "" {
		info.Id = id.Proto()
	}
	c.Link(doorPID)
	c.Send(doorPID, &schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(), FrameworkId: info.Id, Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: info},
	})
	c.retry(10 * time.Second)
}

func (c *client) retry(after time.Duration) {
	c.again.Cancel()
	c.again = c.Delay(after, c.subscribe)
}

// Exited implements [runtime.Exiter]: the connection broke.
func (c *client) Exited(runtime.PID) {
	c.subscribed = false
	c.retry(time.Second)
}

// refused is an answer that is no success, or the end of the stream.
func (c *client) refused(runtime.PID, *internalpb.FrameworkErrorMessage) {
	c.subscribed = false
	c.retry(time.Second)
}

func (c *client) event(_ runtime.PID, e *schedulerpb.Event) {
	f := c.scheduler.framework
	switch e.GetType() {
	case schedulerpb.Event_SUBSCRIBED:
		c.again.Cancel()
		c.subscribed = true
		f.ID = ids.FrameworkOf(e.GetSubscribed().GetFrameworkId())
		if len(f.wanted) > 0 {
			c.say(schedulerpb.Call_REVIVE, &schedulerpb.Call{})
		}
	case schedulerpb.Event_OFFERS:
		c.scheduler.offered(e.GetOffers().GetOffers())
	case schedulerpb.Event_INVERSE_OFFERS:
		c.answerInverse(e.GetInverseOffers().GetInverseOffers())
	case schedulerpb.Event_UPDATE:
		c.update(e.GetUpdate().GetStatus())
	case schedulerpb.Event_ERROR:
		c.failed = true
		c.again.Cancel()
		c.scheduler.failed(e.GetError().GetMessage())
	}
}

func (c *client) update(status *mesospb.TaskStatus) {
	c.scheduler.updated(status)
	if status.Uuid != nil {
		c.say(schedulerpb.Call_ACKNOWLEDGE, &schedulerpb.Call{Acknowledge: &schedulerpb.Call_Acknowledge{
			SlaveId: status.SlaveId, TaskId: status.TaskId, Uuid: status.Uuid,
		}})
	}
}

// answerInverse agrees to every other wish to leave a machine.
func (c *client) answerInverse(offers []*mesospb.InverseOffer) {
	for i, o := range offers {
		if i%2 == 0 {
			c.say(schedulerpb.Call_ACCEPT_INVERSE_OFFERS, &schedulerpb.Call{
				AcceptInverseOffers: &schedulerpb.Call_AcceptInverseOffers{InverseOfferIds: []*mesospb.OfferID{o.Id}},
			})
		} else {
			c.say(schedulerpb.Call_DECLINE_INVERSE_OFFERS, &schedulerpb.Call{
				DeclineInverseOffers: &schedulerpb.Call_DeclineInverseOffers{InverseOfferIds: []*mesospb.OfferID{o.Id}},
			})
		}
	}
}

// say makes a call, unless there is no connection.
func (c *client) say(t schedulerpb.Call_Type, call *schedulerpb.Call) {
	if c.subscribed {
		call.Type, call.FrameworkId = t.Enum(), c.scheduler.framework.ID.Proto()
		c.Send(doorPID, call)
	}
}

// speaking is a [voice] that speaks HTTP.
type speaking struct {
	client runtime.Ref[*client]
	state  *client // read between two moves of the world
}

func (s speaking) say(t schedulerpb.Call_Type, call *schedulerpb.Call) {
	runtime.Tell(s.client, func(c *client) { c.say(t, call) })
}

func (s speaking) accept(offer ids.Offer, operations []*mesospb.Offer_Operation) {
	s.say(schedulerpb.Call_ACCEPT, &schedulerpb.Call{Accept: &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{offer.Proto()}, Operations: operations,
	}})
}

func (s speaking) decline(offer ids.Offer, refusal *mesospb.Filters) {
	s.say(schedulerpb.Call_DECLINE, &schedulerpb.Call{Decline: &schedulerpb.Call_Decline{
		OfferIds: []*mesospb.OfferID{offer.Proto()}, Filters: refusal,
	}})
}

func (s speaking) revive() { s.say(schedulerpb.Call_REVIVE, &schedulerpb.Call{}) }

func (s speaking) kill(t ids.Task) {
	s.say(schedulerpb.Call_KILL, &schedulerpb.Call{Kill: &schedulerpb.Call_Kill{TaskId: t.Proto()}})
}

func (s speaking) reconcile(tasks []*mesospb.TaskStatus) {
	call := &schedulerpb.Call_Reconcile{}
	for _, t := range tasks {
		call.Tasks = append(call.Tasks, &schedulerpb.Call_Reconcile_Task{TaskId: t.TaskId, SlaveId: t.SlaveId})
	}
	s.say(schedulerpb.Call_RECONCILE, &schedulerpb.Call{Reconcile: call})
}

func (s speaking) living() bool { return !s.state.failed }
