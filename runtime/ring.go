package runtime

import (
	"slices"
	"sync"
	"unsafe"
)

// MostTraced is how many bytes the events that a node remembers may take: about a quarter of a million of the usual ones.
const MostTraced = 64 << 20

// ring is the latest events: at most size of them, which take at most MostTraced bytes. It grows as they come.
type ring struct {
	size int

	mu     sync.Mutex
	events []Event
	first  int // where the oldest is
	count  int
	bytes  int
}

// cost is what e takes. Its words may be a peer's.
func (e *Event) cost() int {
	return int(unsafe.Sizeof(*e)) + len(e.From.ID) + len(e.From.Addr) + len(e.To.ID) + len(e.To.Addr) + len(e.Name) + len(e.Note)
}

func (r *ring) add(e *Event) {
	cost := e.cost()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.count > 0 && (r.count == r.size || r.bytes+cost > MostTraced) {
		r.forget()
	}
	if r.count == len(r.events) {
		r.grow()
	}
	r.events[(r.first+r.count)%len(r.events)] = *e
	r.count++
	r.bytes += cost
}

// forget drops the oldest.
func (r *ring) forget() {
	oldest := &r.events[r.first]
	r.bytes -= oldest.cost()
	*oldest = Event{}
	r.first = (r.first + 1) % len(r.events)
	r.count--
}

func (r *ring) grow() {
	const least = 64
	grown := make([]Event, min(r.size, max(least, 2*len(r.events))))
	copy(grown, r.ordered())
	r.events, r.first = grown, 0
}

// ordered returns a copy, oldest first.
func (r *ring) ordered() []Event {
	end := min(r.first+r.count, len(r.events))
	return slices.Concat(r.events[r.first:end], r.events[:r.count-(end-r.first)])
}

func (r *ring) all() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ordered()
}
