package master

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
)

// eventStream is the answer to a SUBSCRIBE over HTTP: a record for each event, as long as the client reads.
type eventStream struct {
	id    string
	media mediatype.Type
	pipe  *web.Stream
	beat  runtime.Timer
}

// ID implements [book.Stream].
func (s *eventStream) ID() string { return s.id }

// Send implements [book.Stream].
func (s *eventStream) Send(e *schedulerpb.Event) {
	s.pipe.Write(recordio.Append(nil, s.encode(e))) //nolint:errcheck // whoever went away is noticed by Gone
}

// encode writes an event as the client asked for. Its protobuf is the same in both versions of the API.
func (s *eventStream) encode(e *schedulerpb.Event) []byte {
	if s.media == mediatype.JSON {
		return mesosjson.AppendV1(nil, inOldWords(e))
	}
	body, err := e.MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("master: encode %s: %v", e.GetType(), err)) // every event is made here
	}
	return body
}

// inOldWords leaves out of an event the name that mesos-go 0.0.11, which refuses events with names of enums that it does
// not know, was written too early for.
//
// Differs: the reference's SUBSCRIBED has QUOTA_V2 in JSON as well, and that client cannot use JSON with it.
func inOldWords(e *schedulerpb.Event) *schedulerpb.Event {
	if e.Subscribed == nil {
		return e
	}
	old := proto.CloneOf(e)
	info := old.Subscribed.MasterInfo
	info.Capabilities = slices.DeleteFunc(info.Capabilities, func(c *mesospb.MasterInfo_Capability) bool {
		return c.GetType() == mesospb.MasterInfo_Capability_QUOTA_V2
	})
	return old
}

// Close implements [book.Stream].
func (s *eventStream) Close() {
	s.beat.Cancel()
	s.pipe.Close()
}

// beginHeartbeat lets a stream say that it is alive, at once, since some clients handle an event only when the next one
// comes, and then again and again.
func (m *Master) beginHeartbeat(f *book.Framework) {
	if s, ok := f.Stream.(*eventStream); ok {
		m.heartbeat(f.ID, s)
	}
}

func (m *Master) heartbeat(id ids.Framework, s *eventStream) {
	if f := m.book.Framework(id); f != nil {
		f.Told(schedulerpb.Event_HEARTBEAT)
	}
	s.Send(&schedulerpb.Event{Type: schedulerpb.Event_HEARTBEAT.Enum()})
	s.beat = m.Delay(events.HeartbeatInterval, func() { m.heartbeat(id, s) })
}
