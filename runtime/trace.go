package runtime

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meseta/runtime/internal/eventid"
	"meseta/runtime/internal/events"
	"meseta/runtime/internal/labels"
	"meseta/runtime/internal/watch"
)

// EventID identifies one traced event across nodes by Node, which no two nodes of a cluster share, and Seq, which grows from 1
// with the node's events. The zero EventID is no event. It is written as 32 hexadecimal digits.
type EventID = eventid.ID

// ParseEventID reads what [EventID].String has written.
func ParseEventID(s string) (EventID, error) { return eventid.Parse(s) }

// EventKind says what happened.
type EventKind = events.Happening

// What can happen.
const (
	EventSpawn   = events.Spawn   // an actor was spawned
	EventSend    = events.Send    // a message was sent
	EventEnqueue = events.Enqueue // something was put into an actor's queue
	EventDeliver = events.Deliver // its turn began
	EventDrop    = events.Drop    // it will not be handled
	EventDelay   = events.Delay   // a timer was booked
	EventWork    = events.Work    // blocking work was begun
	EventLink    = events.Link    // an actor linked to another
	EventUnlink  = events.Unlink  // and took it back
	EventBreak   = events.Break   // the connection to another node broke
	EventHear    = events.Hear    // an actor was told something otherwise than by a message, see [Heard]
	EventSay     = events.Say     // an actor said something otherwise than by a message, see [Said]
)

// Event is one thing that happened on a node.
type Event = events.Event

// MostTraced is how many bytes the events that a node remembers may take: about a quarter of a million of the usual ones.
const MostTraced = events.Most

// Trace is what a node records of itself. Its methods may be called from any goroutine.
type Trace struct {
	observers atomic.Pointer[observers] // nil: there are none, and nothing is recorded
	node      *Node
	watch     watch.Watch
	zone      *time.Location // of the node's clock
	mark      uint64         // the node's part of event ids
	count     atomic.Uint64
	lanes     int           // of a memory
	lane      atomic.Uint32 // counts the actors

	mu sync.Mutex // guards changes of observers
}

// observers are the observers of a node. The value is replaced, never changed.
type observers struct {
	memory   *events.Memory // nil: none
	watchers []*func(Event)
	filters  []*func(Arrival) bool
}

func (o *observers) empty() bool {
	return o.memory == nil && len(o.watchers) == 0 && len(o.filters) == 0
}

func (t *Trace) init(n *Node, o Options) {
	t.node, t.zone, t.lanes = n, n.clock.Now().Location(), 16
	t.watch.Start(o.Clock)
	if _, driven := n.scheduler.(Driver); driven {
		t.lanes = 1 // so that numbers follow from what happens
	}
	t.mark = eventid.Mark(n.addr, o.Seed)
	t.Record(o.TraceRing)
}

// Trace is the node's record of what happens on it.
func (n *Node) Trace() *Trace { return &n.trace }

// change replaces the observers.
func (t *Trace) change(edit func(*observers)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := observers{}
	if old := t.observers.Load(); old != nil {
		next = observers{old.memory, slices.Clone(old.watchers), slices.Clone(old.filters)}
	}
	edit(&next)
	if next.empty() {
		t.observers.Store(nil)
		return
	}
	t.observers.Store(&next)
}

// Record makes the node remember its latest size events, beginning now; 0 stops it. They take memory as they come, and no
// more than [MostTraced] bytes: beyond that fewer are remembered.
func (t *Trace) Record(size int) {
	t.change(func(o *observers) {
		o.memory = nil
		if size > 0 {
			o.memory = events.New(size, t.lanes, &t.count)
		}
	})
}

// Events returns what is remembered, oldest first.
func (t *Trace) Events() []Event {
	o := t.observers.Load()
	if o == nil || o.memory == nil {
		return nil
	}
	return o.memory.All(t.mark, t.zone)
}

// Running yields the traced turns that are not over, by the ids of their actors.
func (t *Trace) Running() iter.Seq2[string, EventID] {
	return func(yield func(string, EventID) bool) {
		for actor, turn := range labels.Running(t.mark) {
			if !yield(actor, t.local(turn)) {
				return
			}
		}
	}
}

// Watch calls f with every event from now on, on the goroutine where it happens, until stop is called. f must be quick
// and must not call the runtime.
func (t *Trace) Watch(f func(Event)) (stop func()) {
	t.change(func(o *observers) { o.watchers = append(o.watchers, &f) })
	return func() {
		t.change(func(o *observers) {
			o.watchers = slices.DeleteFunc(o.watchers, func(g *func(Event)) bool { return g == &f })
		})
	}
}

// local is the id of the node's event of that number; 0 is none.
func (t *Trace) local(seq uint64) EventID {
	if seq == 0 {
		return EventID{}
	}
	return EventID{Node: t.mark, Seq: seq}
}

// record completes r, of an actor's lane, shows it to the observers, and returns the id of the first event that it is. The turn
// at before, if there is one, ends with it.
func (t *Trace) record(o *observers, lane uint32, r *events.Memo, before events.Place) (EventID, events.Place) {
	if r.Time == 0 {
		r.Time = t.watch.Now()
	}
	var seq uint64
	var at events.Place
	if o.memory != nil {
		seq, at = o.memory.Add(lane, r, before)
	} else {
		seq = t.count.Add(events.PerMemo) - events.PerMemo + 1
	}
	if seq%4096 == 1 {
		t.watch.Adjust()
	}
	if len(o.watchers) > 0 {
		for e := range r.Events(t.mark, seq, t.zone) {
			for _, f := range o.watchers {
				t.show(*f, e)
			}
		}
	}
	return EventID{Node: t.mark, Seq: seq}, at
}

// Moment is the time that traces note now, in nanoseconds since 1970; 0 while nothing is traced. See Envelope.Came.
func (n *Node) Moment() int64 {
	if n.trace.observers.Load() == nil {
		return 0
	}
	return n.trace.watch.Now()
}

// show shows e to one watcher.
func (t *Trace) show(f func(Event), e Event) {
	around := guard{node: t.node, to: "Watch", f: f}
	defer around.caught()
	f(e)
	around.returned = true
}
