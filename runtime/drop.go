package runtime

import (
	"bytes"

	"meseta/runtime/internal/events"
)

// Drop is a message that nobody will handle.
type Drop struct {
	From, To PID
	Name     string // of the message
	// Why, in words: there is no such actor, it has terminated, it has no handler for the message or cannot decode it, or
	// the wire could not encode it, did not reach the other node, or had too much waiting for it.
	Why string
}

const (
	noSuchActor   = "no such actor"
	terminated    = "the actor has terminated"
	noHandler     = "no handler"
	malformed     = "malformed"
	noWire        = "this node has no wire"
	keptByAFilter = "filtered"
)

// Dropped implements [Receiver].
func (n *Node) Dropped(e Envelope, why string) {
	message := any(e.Message)
	if e.Message == nil && n.trace.observers.Load() != nil {
		message = &raw{Name: e.Name, Body: bytes.Clone(e.Body)}
	}
	n.lost(Drop{From: e.From, To: e.To, Name: e.Name, Why: why}, e.Cause, message)
}

// lost traces that a message will not be handled, and tells [Options].Dropped.
func (n *Node) lost(d Drop, cause EventID, message any) {
	if n.trace.observers.Load() != nil {
		n.trace.note(0, events.Memo{
			Cause: cause, Kind: EventDrop, What: OnMessage, From: d.From, To: d.To,
			Message: &events.Words{Name: d.Name, Note: d.Why, Message: message}, Size: events.SizeOf(message),
		})
	}
	if n.dropped == nil {
		return
	}
	around := guard{node: n, to: "Options.Dropped", f: n.dropped}
	defer around.caught()
	n.dropped(d)
	around.returned = true
}

// drop fails what waits for it, because a has terminated and will not handle it.
func (n *Node) drop(a *Actor, it *item) {
	if it.kind == OnMessage {
		n.lost(Drop{From: it.from, To: a.self, Name: it.name(), Why: terminated}, n.trace.local(it.cause), it.payload)
		return
	}
	var r events.Memo
	it.memo(&r, EventDrop, a, n.trace.local(it.cause))
	n.trace.note(a.lane, r)
	if c, ok := it.payload.(call); ok {
		c.drop(ErrTerminated)
	}
}
