package runtime

import (
	"slices"
	"sync"
	"time"
	"unsafe"
)

// MostTraced is how many bytes the events that a node remembers may take: about a quarter of a million of the usual ones.
const MostTraced = 64 << 20

// ring is the latest events of one node: at most size of them, which take at most MostTraced bytes. It grows as they
// come.
type ring struct {
	size int
	mark uint64 // of the node's events

	mu     sync.Mutex
	zone   *time.Location // of the node's clock
	events []record
	first  int // where the oldest is
	count  int
	bytes  int
}

// record is an event as the ring keeps it: what all have in common is left out.
type record struct {
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
func (r *record) cost() int {
	return int(unsafe.Sizeof(*r)) + len(r.from.ID) + len(r.from.Addr) + len(r.to.ID) + len(r.to.Addr) + len(r.name) + len(r.note)
}

func (r *ring) add(e *Event) {
	kept := record{e.ID.Seq, e.Cause, e.Time.UnixNano(), e.Kind, e.What, e.From, e.To, e.Name, e.Note, e.code}
	cost := kept.cost()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.count > 0 && (r.count == r.size || r.bytes+cost > MostTraced) {
		r.forget()
	}
	if r.count == len(r.events) {
		r.grow()
	}
	r.events[(r.first+r.count)%len(r.events)] = kept
	r.zone = e.Time.Location()
	r.count++
	r.bytes += cost
}

// forget drops the oldest.
func (r *ring) forget() {
	oldest := &r.events[r.first]
	r.bytes -= oldest.cost()
	*oldest = record{}
	r.first = (r.first + 1) % len(r.events)
	r.count--
}

func (r *ring) grow() {
	const least = 64
	grown := make([]record, min(r.size, max(least, 2*len(r.events))))
	copy(grown, r.ordered())
	r.events, r.first = grown, 0
}

// ordered returns a copy, oldest first.
func (r *ring) ordered() []record {
	end := min(r.first+r.count, len(r.events))
	return slices.Concat(r.events[r.first:end], r.events[:r.count-(end-r.first)])
}

// all returns what is remembered, oldest first. Functions have their names.
func (r *ring) all() []Event {
	r.mu.Lock()
	kept, zone := r.ordered(), r.zone
	r.mu.Unlock()
	var events []Event
	for i := range kept {
		events = append(events, kept[i].event(r.mark, zone))
	}
	return events
}

// event is what r was made of.
func (r *record) event(mark uint64, zone *time.Location) Event {
	e := Event{
		ID: EventID{mark, r.seq}, Cause: r.cause, Time: time.Unix(0, r.time).In(zone), Kind: r.kind, What: r.what,
		From: r.from, To: r.to, Name: r.name, Note: r.note, code: r.code,
	}
	return e.named()
}
