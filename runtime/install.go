package runtime

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
)

// Install registers h for messages of type M. Installing twice replaces. Messages without a handler are dropped. If decode is given, it
// decodes what comes from the wire into an empty message, keeps no bytes, and is called off the actor's turns, by several goroutines.
func Install[M any, P interface {
	*M
	proto.Message
}](b Behavior, h func(from PID, m P), decode ...func(body []byte, m P) error) {
	a, decode := b.base(), append(decode, func(body []byte, m P) error { return proto.Unmarshal(body, m) })
	decoded := func(body []byte) (proto.Message, error) {
		m := P(new(M))
		return m, decode[0](body, m)
	}
	a.install(nameOf(P(new(M))), decoded, func(it *item) {
		m := it.payload
		if early, ok := m.(*raw); ok {
			var err error
			if m, err = decoded(early.Body); err != nil {
				a.malformed(it, early.Name, err)
				return
			}
		}
		if m, ok := m.(P); ok {
			h(it.from, m)
		}
	})
}

// InstallRaw registers h for messages of that name, as bytes.
func InstallRaw(b Behavior, name string, h func(from PID, body []byte)) {
	a := b.base()
	a.install(name, nil, func(it *item) {
		switch m := it.payload.(type) {
		case *raw:
			h(it.from, m.Body)
		case proto.Message:
			if body, err := proto.Marshal(m); err != nil {
				a.malformed(it, name, err)
			} else {
				h(it.from, body)
			}
		}
	})
}

// handlers is what an actor has installed, in an order that is quick to search: by the length of the name, then by name.
type handlers []*handler

type handler struct {
	name    string
	decode  func(body []byte) (proto.Message, error) // of messages from the wire; nil: they stay bytes
	f       func(*item)
	message reflect.Type // of the messages of that name, once one came; the actor's own
}

func (hs handlers) search(name string) (int, bool) {
	return slices.BinarySearchFunc(hs, name, func(h *handler, name string) int {
		if d := len(h.name) - len(name); d != 0 {
			return d
		}
		return strings.Compare(h.name, name)
	})
}

func (a *Actor) install(name string, decode func([]byte) (proto.Message, error), f func(*item)) {
	a.onTurn()
	var hs handlers
	if before := a.handlers.Load(); before != nil {
		hs = slices.Clone(*before)
	}
	i, found := hs.search(name)
	if !found {
		hs = slices.Insert(hs, i, nil)
	}
	hs[i] = &handler{name: name, decode: decode, f: f}
	a.handlers.Store(&hs)
	a.usual = nil // it may have been replaced
}

// Handlers names, sorted, the messages that an actor of the node has handlers for. Unknown actors have none.
func (n *Node) Handlers(pid PID) []string {
	a := n.local(pid)
	if a == nil || a.handlers.Load() == nil {
		return nil
	}
	var names []string
	for _, h := range *a.handlers.Load() {
		names = append(names, h.name)
	}
	slices.Sort(names)
	return names
}

// handler returns what is installed for messages of that name, or nil.
func (a *Actor) handler(name string) *handler {
	if hs := a.handlers.Load(); hs != nil {
		if i, found := hs.search(name); found {
			return (*hs)[i]
		}
	}
	return nil
}

// deliver handles a message.
func (a *Actor) deliver(it *item) {
	h := a.usual
	if h == nil || h.message != reflect.TypeOf(it.payload) {
		name := it.name()
		if h = a.handler(name); h == nil {
			a.remember(it, name, 0)
			a.unhandled(it, name)
			return
		}
		if _, bytes := it.payload.(*raw); !bytes {
			h.message, a.usual = reflect.TypeOf(it.payload), h
		}
	}
	a.remember(it, h.name, 0)
	a.from = it.from
	h.f(it)
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
	if h := a.handler(e.Name); h != nil && h.decode != nil {
		return h.decode(e.Body)
	}
	return &raw{Name: e.Name, Body: bytes.Clone(e.Body)}, nil
}
