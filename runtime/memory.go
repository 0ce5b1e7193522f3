package runtime

import (
	"time"
	"unsafe"

	"meseta/runtime/internal/ring"
)

// MostTraced is how many bytes the events that a node remembers may take: about a quarter of a million of the usual ones.
const MostTraced = 64 << 20

// memory is the latest events of one node.
type memory struct {
	mark   uint64         // of the node's events
	zone   *time.Location // of the node's clock
	events *ring.Ring[memo]
}

func newMemory(size int, mark uint64, zone *time.Location) *memory {
	return &memory{mark, zone, ring.New[memo](size, MostTraced)}
}

// memo is an event as it is remembered: what all have in common is left out.
type memo struct {
	seq   uint64
	cause EventID
	time  int64 // nanoseconds since 1970
	kind  EventKind
	what  Kind
	from  PID
	to    PID
	name  string
	note  string
	code  uintptr
}

// cost is what r takes. Its words may be a peer's.
func (r *memo) cost() int {
	const counted = 8 // by the ring
	return counted + int(unsafe.Sizeof(*r)) + len(r.from.ID) + len(r.from.Addr) + len(r.to.ID) + len(r.to.Addr) + len(r.name) + len(r.note)
}

func (m *memory) add(e *Event) {
	r := memo{e.ID.Seq, e.Cause, e.Time.UnixNano(), e.Kind, e.What, e.From, e.To, e.Name, e.Note, e.code}
	m.events.Add(&r, r.cost())
}

// all returns what is remembered, oldest first. Functions have their names.
func (m *memory) all() []Event {
	var events []Event
	for _, r := range m.events.All() {
		events = append(events, Event{
			ID: EventID{Node: m.mark, Seq: r.seq}, Cause: r.cause, Time: time.Unix(0, r.time).In(m.zone), Kind: r.kind, What: r.what,
			From: r.from, To: r.to, Name: r.name, Note: r.note, code: r.code,
		}.named())
	}
	return events
}
