package runtime

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meseta/runtime/internal/eventid"
	"meseta/runtime/internal/funcs"
)

// EventID identifies one traced event across nodes by Node, which no two nodes of a cluster share, and Seq, which counts the
// node's events from 1. The zero EventID is no event. It is written as 32 hexadecimal digits.
type EventID = eventid.ID

// ParseEventID reads what [EventID].String has written.
func ParseEventID(s string) (EventID, error) { return eventid.Parse(s) }

// EventKind says what happened.
type EventKind uint8

// What can happen.
const (
	EventSpawn   EventKind = iota // an actor was spawned
	EventSend                     // a message was sent
	EventEnqueue                  // something was put into an actor's queue
	EventDeliver                  // its turn began
	EventDrop                     // it will not be handled
	EventDelay                    // a timer was booked
	EventWork                     // blocking work was begun
	EventLink                     // an actor linked to another
	EventUnlink                   // and took it back
	EventBreak                    // the connection to another node broke
)

var eventNames = [...]string{
	"spawn", "send", "enqueue", "deliver", "drop", "delay", "work", "link", "unlink", "break",
}

// String names the kind.
func (k EventKind) String() string { return eventNames[k] }

// Event is one thing that happened on a node.
type Event struct {
	ID    EventID
	Cause EventID // the event that led to it: what was produced in a turn names the turn's EventDeliver
	Time  time.Time
	Kind  EventKind
	What  Kind // of EventEnqueue, EventDeliver, EventDrop: what it is
	From  PID
	To    PID
	Name  string // the message, or the function
	Note  string // the reason of a drop, the duration of a delay

	code uintptr // of a function whose name is not resolved yet
}

// named returns e with its Name.
func (e Event) named() Event {
	if e.code != 0 {
		e.Name, e.code = funcs.Name(e.code), 0
	}
	return e
}

// Trace is what a node records of itself. Its methods may be called from any goroutine.
type Trace struct {
	observers atomic.Pointer[observers] // nil: there are none, and nothing is recorded
	node      *Node
	clock     Clock
	mark      uint64 // the node's part of event ids
	count     atomic.Uint64

	mu sync.Mutex // guards changes of observers
}

// observers are the observers of a node. The value is replaced, never changed.
type observers struct {
	memory   *memory // nil: none
	watchers []*func(Event)
	filters  []*func(Arrival) bool
}

func (o *observers) empty() bool {
	return o.memory == nil && len(o.watchers) == 0 && len(o.filters) == 0
}

func (t *Trace) init(n *Node, o Options) {
	t.node, t.clock = n, n.clock
	t.mark = eventid.Mark(n.addr, o.Seed)
	if o.TraceRing > 0 {
		t.Record(o.TraceRing)
	}
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
			o.memory = newMemory(size, t.mark, t.clock.Now().Location())
		}
	})
}

// Events returns what is remembered, oldest first.
func (t *Trace) Events() []Event {
	o := t.observers.Load()
	if o == nil || o.memory == nil {
		return nil
	}
	return o.memory.all()
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

// record completes e and shows it to the observers.
func (t *Trace) record(o *observers, e Event) EventID {
	e.ID = t.local(t.count.Add(1))
	e.Time = t.clock.Now()
	if o.memory != nil {
		o.memory.add(&e)
	}
	if len(o.watchers) > 0 {
		e = e.named()
	}
	for _, f := range o.watchers {
		t.show(*f, e)
	}
	return e.ID
}

// show shows e to one watcher.
func (t *Trace) show(f func(Event), e Event) {
	around := guard{node: t.node, to: "Watch", f: f}
	defer around.caught()
	f(e)
	around.returned = true
}
