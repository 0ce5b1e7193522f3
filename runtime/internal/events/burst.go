package events

import (
	"reflect"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/watch"
)

// Burst is what an actor sends within its node in one turn. The messages are mostly alike: to read the clock for each, and to
// measure each, would be a third of what their trace costs.
type Burst struct {
	sent  uint
	time  int64 // nanoseconds since 1970: of the latest message whose time was looked up
	of    reflect.Type
	sizer Sizer // of messages of that type
}

// perLook is of how many messages of a long burst one has its own time, and the others the same. So many are exact in every turn.
const perLook = 8

// Begin begins the burst of another turn.
func (b *Burst) Begin() { b.sent = 0 }

// Now is the time of the next message.
func (b *Burst) Now(w *watch.Watch) int64 {
	if b.sent < perLook || b.sent%perLook == 0 {
		b.time = w.Now()
	}
	b.sent++
	return b.time
}

// Size is what m takes on the wire, or a little more.
func (b *Burst) Size(m proto.Message) uint32 {
	if t := reflect.TypeOf(m); t != b.of {
		b.of, b.sizer = t, SizerOf(t)
	}
	return b.sizer.Size(m)
}
