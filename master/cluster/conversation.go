package cluster

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/runtime"
)

// conversation sends messages to schedulers.
type conversation struct{ actor *runtime.Actor }

// Tell sends msg to the scheduler of f, unless there is none. It also sends to the address of a disconnected driver,
// which may still be running and has to know that it is disconnected.
func (c *conversation) Tell(f *book.Framework, msg proto.Message) {
	f.Told(events.TypeOf(msg))
	c.TellAt(f.Connection, msg)
}

// TellAt sends msg, a message of the libprocess API, as it is or as an event, depending on the scheduler.
func (c *conversation) TellAt(scheduler book.Connection, msg proto.Message) {
	switch {
	case scheduler.Stream != nil:
		scheduler.Stream.Send(events.Of(msg))
	case !scheduler.PID.IsZero():
		c.actor.Send(scheduler.PID, msg)
	}
}
