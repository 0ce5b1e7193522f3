package runtime

import (
	"reflect"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/encodable"
	"meseta/runtime/internal/events"
	"meseta/runtime/internal/names"
)

// nameOf is the name a message travels under.
func nameOf(m proto.Message) string { return events.NameOf(m) }

// Send sends m, which must not be changed afterwards: on the same node the receiver gets m itself. Delivery is at most
// once and in order. A message that cannot be encoded, because a required field is missing or a string is not UTF-8 where
// it must be, is not sent: that is logged as a warning and traced as a drop.
func (a *Actor) Send(to PID, m proto.Message) {
	n := a.home()
	if to.Addr == n.addr {
		if target := n.find(to.ID); target != nil && a.encodable(m) == nil {
			it := item{kind: OnMessage, from: a.self, payload: m}
			if o := n.trace.observers.Load(); o != nil && !a.traceSend(o, target, &it) {
				return
			}
			n.hand(target, &it, a)
			return
		}
	}
	n.send(a, Envelope{From: a.self, To: to, Name: nameOf(m), Message: m, Cause: a.turn})
}

// encodable returns why m cannot be encoded, or nil. It costs one comparison if m can always be encoded and is of the same
// type as the message before.
func (a *Actor) encodable(m proto.Message) error {
	t := reflect.TypeOf(m)
	if t == a.lenient {
		return nil
	}
	if encodable.CheckOf(m) == nil {
		a.lenient = t
		return nil
	}
	return encodable.Error(m)
}

// SendRaw sends bytes under a name, for messages whose type is not linked into this program.
func (a *Actor) SendRaw(to PID, name string, body []byte) {
	a.home().send(a, Envelope{From: a.self, To: to, Name: name, Body: body, Cause: a.turn})
}

// Reply sends m to [Actor.From].
func (a *Actor) Reply(m proto.Message) {
	a.onTurn()
	a.Send(a.from, m)
}

// Forward sends the message being handled on to another actor, as if its sender had sent it there. It may be called
// only by a message's handler, not by what it awaits.
func (a *Actor) Forward(to PID) {
	a.onTurn()
	if a.current == nil || a.current.kind != OnMessage {
		panic("runtime: Forward outside a message handler")
	}
	e := a.current.envelope(to)
	e.Cause = a.turn
	a.node.send(a, e)
}

// envelope is the message as it travels to another actor.
func (it *item) envelope(to PID) Envelope {
	if r, ok := it.payload.(*raw); ok {
		return Envelope{From: it.from, To: to, Name: r.Name, Body: r.Body}
	}
	m := it.payload.(proto.Message)
	return Envelope{From: it.from, To: to, Name: nameOf(m), Message: m}
}

// send brings e, whose cause is the turn of by that it is sent in, to where it belongs. by is nil for what no actor of ours sends.
func (n *Node) send(by *Actor, e Envelope) {
	if o := n.trace.observers.Load(); o != nil {
		e.Cause = n.traceEnvelope(o, by, &e)
	}
	if e.Message == nil {
		if err := names.CheckMessage(e.Name); err != nil {
			n.Refused(e, err)
			return
		}
	}
	switch {
	case e.To.Addr == n.addr:
		n.sendLocal(e)
	case n.wire != nil:
		n.wire.Send(e)
	default:
		n.Dropped(e, noWire)
	}
}

// sendLocal delivers e to an actor, or a foreign process, of this node.
func (n *Node) sendLocal(e Envelope) {
	if e.Message != nil {
		if err := encodable.Error(e.Message); err != nil {
			n.Refused(e, err)
			return
		}
	}
	if a := n.find(e.To.ID); a != nil {
		n.deliver(a, e)
		return
	}
	if _, foreign := n.kernel.Find(e.To.ID); foreign != nil && e.Message != nil {
		tell(foreign, e)
		return
	}
	n.Dropped(e, noSuchActor)
}

// Deliver implements [Receiver].
func (n *Node) Deliver(e Envelope) bool {
	a := n.find(e.To.ID)
	if a == nil {
		n.Dropped(e, noSuchActor)
		return false
	}
	return n.deliver(a, e)
}

func (n *Node) deliver(a *Actor, e Envelope) bool {
	payload, err := a.decode(e)
	if err != nil {
		n.log.Warn().Err(err).Str("name", e.Name).Stringer("from", e.From).Msg("malformed message dropped")
		n.Dropped(e, malformed)
		return true
	}
	it := item{kind: OnMessage, size: uint32(len(e.Body)), from: e.From, payload: payload}
	if o := n.trace.observers.Load(); o != nil && !n.admit(o, a, &it, e.Cause, a.lane+1, e.Came) {
		return true
	}
	return n.hand(a, &it, a)
}

// Refused implements [Receiver].
func (n *Node) Refused(e Envelope, err error) {
	n.log.Warn().Err(err).Str("name", e.Name).Stringer("from", e.From).Stringer("to", e.To).
		Msg("a message that cannot be encoded was not sent")
	n.Dropped(e, "cannot be encoded")
}
