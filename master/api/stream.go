package api

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/master/events"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
)

// eventStream is the answer to a SUBSCRIBE: a record for each event, for as long as the client reads.
type eventStream struct {
	actor *runtime.Actor
	to    string // whom traces call the client: its address and, once it is subscribed, the id of the framework
	id    string
	media mediatype.Type
	pipe  *web.Stream
	beat  runtime.Timer
}

// ID implements [book.Stream].
func (s *eventStream) ID() string { return s.id }

// Send implements [book.Stream].
func (s *eventStream) Send(e *schedulerpb.Event) {
	if id := e.GetSubscribed().GetFrameworkId().GetValue(); id != "" {
		s.to = id
	}
	runtime.Said(s.actor, s.to, e)
	s.pipe.Write(recordio.Append(nil, s.encode(e))) //nolint:errcheck // Gone reports clients that left
}

// encode returns an event in the client's format. Its protobuf encoding is the same in v0 and v1.
func (s *eventStream) encode(e *schedulerpb.Event) []byte {
	if s.media == mediatype.JSON {
		return mesosjson.AppendV1(nil, inOldWords(e))
	}
	body, err := e.MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("master/api: encode %s: %v", e.GetType(), err)) // every event is made by this master
	}
	return body
}

// inOldWords returns an event without the capability QUOTA_V2, because mesos-go 0.0.11 refuses events with enum values
// that it does not know.
//
// Differs: SUBSCRIBED of Mesos has QUOTA_V2 in JSON, too, which is why that client cannot use JSON with Mesos.
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

// Gone implements [book.Stream].
func (s *eventStream) Gone() runtime.Future[struct{}] { return s.pipe.Gone() }

// Begin implements [book.Stream]. It sends a heartbeat at once, because some clients handle an event only when the next
// one arrives.
func (s *eventStream) Begin(beat func()) {
	beat()
	s.Send(&schedulerpb.Event{Type: schedulerpb.Event_HEARTBEAT.Enum()})
	s.beat = s.actor.Delay(events.HeartbeatInterval, func() { s.Begin(beat) })
}
