package runtime

import (
	"reflect"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/handlers"
)

// Install registers h for messages of type M. Installing twice replaces. Messages without a handler are dropped. If decode is given, it
// decodes what comes from the wire into an empty message, keeps no bytes, and is called off the actor's turns, by several goroutines.
func Install[M any, P interface {
	*M
	proto.Message
}](b Behavior, h func(from PID, m P), decode ...func(body []byte, m P) error) {
	b.base().install(handlers.Typed(h, append(decode, nil)[0]))
}

// InstallRaw registers h for messages of that name, as bytes.
func InstallRaw(b Behavior, name string, h func(from PID, body []byte)) {
	b.base().install(handlers.Untyped(name, h))
}

func (a *Actor) install(h *handlers.Handler) {
	a.onTurn()
	table := a.installed().With(h)
	a.handlers.Store(&table)
	a.usual = nil // it may have been replaced
}

func (a *Actor) installed() handlers.Table {
	if t := a.handlers.Load(); t != nil {
		return *t
	}
	return nil
}

// Handlers names, sorted, the messages that an actor of the node has handlers for. Unknown actors have none.
func (n *Node) Handlers(pid PID) []string {
	if a := n.local(pid); a != nil {
		return a.installed().Names()
	}
	return nil
}

// deliver handles a message.
func (a *Actor) deliver(it *item) {
	h := a.usual
	if h == nil || h.Message != reflect.TypeOf(it.payload) {
		name := it.name()
		if h = a.installed().Find(name); h == nil {
			a.remember(it, name, 0)
			a.unhandled(it, name)
			return
		}
		if _, bytes := it.payload.(*raw); !bytes {
			h.Message, a.usual = reflect.TypeOf(it.payload), h
		}
	}
	a.remember(it, h.Name, 0)
	a.from = it.from
	if err := h.Take(it.from, it.payload); err != nil {
		a.malformed(it, h.Name, err)
	}
}

func (a *Actor) unhandled(it *item, name string) {
	a.Log().Debug().Str("name", name).Stringer("from", it.from).Msg("message without a handler dropped")
	a.node.lost(Drop{From: it.from, To: a.self, Name: name, Why: noHandler}, a.turn, it.payload)
}

// malformed drops a message that came before its handler was installed and turns out not to be what its name says.
func (a *Actor) malformed(it *item, name string, err error) {
	a.Log().Warn().Err(err).Str("name", name).Stringer("from", it.from).Msg("malformed message dropped")
	a.node.lost(Drop{From: it.from, To: a.self, Name: name, Why: malformed}, a.turn, it.payload)
}

// decode makes what a's handler wants of a message from the wire, on the wire's goroutine rather than in a's turn.
func (a *Actor) decode(e Envelope) (payload any, err error) {
	if e.Message != nil {
		return e.Message, nil
	}
	if h := a.installed().Find(e.Name); h != nil {
		return h.Decode(e.Name, e.Body)
	}
	return handlers.Undecoded(e.Name, e.Body), nil
}
