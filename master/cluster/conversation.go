package cluster

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/runtime"
)

// conversation is how schedulers are spoken to.
type conversation struct{ actor *runtime.Actor }

// Tell sends msg to the scheduler of f, unless it never came. A disconnected driver may be talking still: it is sent to,
// so that it can be told that it is.
func (c *conversation) Tell(f *book.Framework, msg proto.Message) {
	f.Told(events.TypeOf(msg))
	c.TellAt(f.Connection, msg)
}

// TellAt sends msg, one of the messages of the libprocess API, as the scheduler understands it: as it is, or as an event.
func (c *conversation) TellAt(scheduler book.Connection, msg proto.Message) {
	switch {
	case scheduler.Stream != nil:
		scheduler.Stream.Send(events.Of(msg))
	case !scheduler.PID.IsZero():
		c.actor.Send(scheduler.PID, msg)
	}
}
