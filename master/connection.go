package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/messages/ids"
	"meseta/runtime"
)

// send sends msg to the scheduler of f, unless it never came. A disconnected driver may be talking still: it is sent to,
// so that it can be told that it is.
func (m *Master) send(f *book.Framework, msg proto.Message) {
	f.Told(events.TypeOf(msg))
	m.tell(f.Connection, msg)
}

// tell sends msg, one of the messages of the libprocess API, as the scheduler understands it: as it is, or as an event.
func (m *Master) tell(scheduler book.Connection, msg proto.Message) {
	switch {
	case scheduler.Stream != nil:
		scheduler.Stream.Send(events.Of(msg))
	case !scheduler.PID.IsZero():
		m.Send(scheduler.PID, msg)
	}
}

// watch makes sure that the master hears of the end of the connection with f.
func (m *Master) watch(f *book.Framework) {
	if f.Stream == nil {
		m.Link(f.PID)
		return
	}
	id, s := f.ID, f.Stream.(*eventStream)
	runtime.Await(m, s.pipe.Gone(), func(struct{}, error) { m.streamGone(id, s) })
}

// streamGone is Exited of a scheduler that speaks HTTP.
//
// Mesos: Master::exited(FrameworkID, StreamingHttpConnection).
func (m *Master) streamGone(id ids.Framework, s *eventStream) {
	s.Close()
	f := m.book.Framework(id)
	if f == nil || f.Stream != book.Stream(s) {
		m.Log().Debug().Stringer("framework_id", id).Msg("a former stream of the framework ended")
		return
	}
	m.frameworkExited(f)
}

// hangUp ends the connection, if it has an end.
func hangUp(scheduler book.Connection) {
	if scheduler.Stream != nil {
		scheduler.Stream.Close()
	}
}
