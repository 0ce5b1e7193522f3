package runtime

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/funcs"
	"meseta/runtime/internal/labels"
)

// Arrival is an event about to be put into the queue of an actor of this node, as filters see it.
type Arrival struct {
	Kind    Kind
	From    PID
	To      PID
	Name    string        // the message, or the function of a call
	Message proto.Message // of a message that was decoded; it must not be changed
}

// Filter asks keep about everything that is about to be queued on the node, until remove is called; what is not kept
// is dropped, and a call fails with [ErrDiscarded]. It is for tests: see package runtimetest.
func (n *Node) Filter(keep func(Arrival) bool) (remove func()) {
	n.trace.change(func(o *observers) { o.filters = append(o.filters, &keep) })
	return func() {
		n.trace.change(func(o *observers) {
			o.filters = slices.DeleteFunc(o.filters, func(f *func(Arrival) bool) bool { return f == &keep })
		})
	}
}

// admit shows to the filters what cause led to, and traces what becomes of it.
func (n *Node) admit(o *observers, a *Actor, it *item, cause EventID) bool {
	if len(o.filters) > 0 && !o.keep(a, it) {
		n.trace.record(o, it.event(EventDrop, a, cause, keptByAFilter))
		if c, ok := it.payload.(call); ok {
			c.drop(ErrDiscarded)
		}
		return false
	}
	it.cause = n.trace.record(o, it.event(EventEnqueue, a, cause, "")).Seq
	return true
}

// keep asks the filters.
func (o *observers) keep(a *Actor, it *item) bool {
	m, _ := it.payload.(proto.Message)
	arrival := Arrival{Kind: it.kind, From: it.from, To: a.self, Name: it.name(), Message: m}
	for _, keep := range o.filters {
		if !arrival.passes(a.node, *keep) {
			return false
		}
	}
	return true
}

// passes asks one filter.
func (r Arrival) passes(n *Node, keep func(Arrival) bool) (kept bool) {
	around := guard{node: n, to: "Filter", f: keep}
	defer around.caught()
	kept = keep(r)
	around.returned = true
	return kept
}

// event is what happens to it on its way to a.
func (it *item) event(kind EventKind, a *Actor, cause EventID, note string) Event {
	e := Event{Cause: cause, Kind: kind, What: it.kind, From: it.from, To: a.self, Note: note}
	switch p := it.payload.(type) {
	case *raw:
		e.Name = p.name
	case request:
		e.Name = describe(p)
	case call:
		e.code = p.code()
	case proto.Message:
		e.Name = nameOf(p)
	}
	return e
}

// name is what traces call the event.
func (it *item) name() string {
	switch p := it.payload.(type) {
	case *raw:
		return p.name
	case proto.Message:
		return nameOf(p)
	case request:
		return describe(p)
	case call:
		return funcs.Name(p.code())
	}
	return ""
}

// beginTurn traces that the turn of it begins, and makes it the cause of what follows.
func (a *Actor) beginTurn(o *observers, it *item) {
	a.turn = a.node.trace.record(o, it.event(EventDeliver, a, a.node.trace.local(it.cause), ""))
	if a.label == nil {
		a.label = labels.New(a.self.ID, a.turn.Node)
	}
	a.label.Begin(a.turn)
}

// endTurn ends what beginTurn began.
func (a *Actor) endTurn() {
	a.turn = EventID{}
	a.label.End()
}

// forgetLabel is the end of an actor that was traced once, even if it is not any more.
func (a *Actor) forgetLabel() {
	if a.label != nil {
		a.label.Forget()
	}
}

func (n *Node) traceSpawn(a *Actor) EventID {
	o := n.trace.observers.Load()
	if o == nil {
		return EventID{}
	}
	return n.trace.record(o, Event{Cause: here(), Kind: EventSpawn, To: a.self})
}

func (n *Node) traceLink(kind EventKind, a *Actor, to PID) {
	if o := n.trace.observers.Load(); o != nil {
		n.trace.record(o, Event{Cause: a.turn, Kind: kind, From: a.self, To: to})
	}
}

// causeHere is the turn that runs on this goroutine, if the node is traced.
func (n *Node) causeHere() EventID {
	if n.trace.observers.Load() == nil {
		return EventID{}
	}
	return here()
}

// here is the traced turn or work that runs on this goroutine.
func here() EventID { return labels.Here() }

// attribute makes cause the cause of what this goroutine does until done is called.
func attribute(cause EventID) (done func()) {
	if cause.IsZero() {
		return func() {}
	}
	return labels.Attribute(cause)
}
