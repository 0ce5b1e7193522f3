package runtime

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/events"
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

// traceSend is admit of a message that a sends to another actor of its node. Its sending is traced, too, at the same time.
func (a *Actor) traceSend(o *observers, to *Actor, it *item) bool {
	t := &a.node.trace
	var r events.Memo
	if a.turn.Seq != 0 {
		r.Time, it.size = a.traced.burst.Now(&t.watch), a.traced.burst.Size(it.payload.(proto.Message))
	} else { // it began before the node was traced
		it.size = events.SizeOf(it.payload)
	}
	r.Cause, r.Kind, r.What, r.Queued = a.turn, EventSend, OnMessage, len(o.filters) == 0
	r.From, r.To, r.Message, r.Size = a.self, to.self, it.payload, it.size
	sent, _ := t.record(o, a.lane, &r, events.Place{})
	if !r.Queued {
		return a.node.admit(o, to, it, sent, a.lane, 0)
	}
	it.cause = sent.Seq + 1
	return true
}

// traceEnvelope traces that by, or nobody of ours, sends e.
func (n *Node) traceEnvelope(o *observers, by *Actor, e *Envelope) EventID {
	r, lane := events.Memo{}, uint32(0)
	if by != nil {
		lane = by.lane
		if by.turn.Seq != 0 {
			r.Time = by.traced.burst.Now(&n.trace.watch)
		}
	}
	r.Cause, r.Kind, r.What, r.From, r.To = e.Cause, EventSend, OnMessage, e.From, e.To
	if e.Message == nil {
		r.Message = &raw{Name: e.Name}
	} else {
		r.Message = e.Message
		if o.memory != nil {
			e.Size = events.SizeOf(e.Message)
			r.Size = e.Size
		}
	}
	id, _ := n.trace.record(o, lane, &r, events.Place{})
	return id
}

// Heard traces that b was told m in this turn otherwise than by a message: in an HTTP request, for instance. m must not be
// changed afterwards.
func Heard(b Behavior, m proto.Message) {
	a := b.base()
	if t := &a.home().trace; t.observers.Load() != nil {
		t.note(a.lane, events.Memo{Cause: a.turn, Kind: EventHear, To: a.self, Message: m, Size: events.SizeOf(m)})
	}
}

// Said traces that b says m in this turn otherwise than by a message: on the stream of an HTTP client, for instance, whom to
// names. m must not be changed afterwards.
func Said(b Behavior, to string, m proto.Message) {
	a := b.base()
	if t := &a.home().trace; t.observers.Load() != nil {
		t.note(a.lane, events.Memo{Cause: a.turn, Kind: EventSay, From: a.self, To: PID{ID: to}, Message: m, Size: events.SizeOf(m)})
	}
}

// admit shows to the filters what cause led to, and traces what becomes of it, at that time; 0 is now.
func (n *Node) admit(o *observers, a *Actor, it *item, cause EventID, by uint32, at int64) bool {
	if len(o.filters) > 0 && !o.keep(a, it) {
		var r events.Memo
		it.memo(&r, EventDrop, a, cause)
		r.Message = &events.Words{Name: it.name(), Note: keptByAFilter, Message: r.Message}
		n.trace.record(o, by, &r, events.Place{})
		if c, ok := it.payload.(call); ok {
			c.drop(ErrDiscarded)
		}
		return false
	}
	var r events.Memo
	it.memo(&r, EventEnqueue, a, cause)
	r.Time = at
	id, _ := n.trace.record(o, by, &r, events.Place{})
	it.cause = id.Seq
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

// memo is what happens to it on its way to a.
func (it *item) memo(r *events.Memo, kind EventKind, a *Actor, cause EventID) {
	r.Cause, r.Kind, r.What, r.From, r.To = cause, kind, it.kind, it.from, a.self
	switch it.kind {
	case OnMessage:
		r.Message, r.Size = it.payload, it.size
	case OnCall, OnAnswer, OnTimer:
		r.Code = it.payload.(call).code()
	case OnRequest:
		r.Message = events.WordsOf(it.payload.(request).subject(), kind)
	}
}

// name is what traces call the event.
func (it *item) name() string {
	switch p := it.payload.(type) {
	case *raw:
		return p.Name
	case proto.Message:
		return nameOf(p)
	case request:
		return describe(p)
	case call:
		return funcs.Name(p.code())
	}
	return ""
}

// beginTurn traces that the turn of it begins, which ends the one before it, and makes it the cause of what follows.
func (a *Actor) beginTurn(o *observers, it *item) {
	a.mailbox.queue.Show()
	t := &a.node.trace
	if a.traced == nil {
		a.traced = &traced{label: labels.New(a.self.ID, t.mark)}
	}
	var r events.Memo
	it.memo(&r, EventDeliver, a, t.local(it.cause))
	a.turn, a.traced.at = t.record(o, a.lane, &r, a.traced.at)
	a.traced.label.Begin(a.turn)
	a.traced.burst.Begin()
}

// endTurn ends what beginTurn began, if that has not ended.
func (a *Actor) endTurn() {
	if a.turn.Seq != 0 {
		a.traced.end(a.node.trace.watch.Now())
		a.turn = EventID{}
	}
}

func (t *traced) end(now int64) {
	t.at.Update(func(r *events.Memo) { r.Over(now) })
	t.at = events.Place{}
	t.label.End()
}

// forgetLabel is the end of an actor that was traced once, even if it is not any more.
func (a *Actor) forgetLabel() {
	if a.traced != nil {
		a.traced.label.Forget()
	}
}

func (n *Node) traceSpawn(a *Actor) EventID {
	return n.trace.note(a.lane, events.Memo{Cause: here(), Kind: EventSpawn, To: a.self})
}

// note records r, unless nobody looks.
func (t *Trace) note(lane uint32, r events.Memo) EventID {
	o := t.observers.Load()
	if o == nil {
		return EventID{}
	}
	id, _ := t.record(o, lane, &r, events.Place{})
	return id
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
func attribute(cause EventID) (done func()) { return labels.Attribute(cause) }
