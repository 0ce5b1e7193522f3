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
	t := &typed[M, P]{f: h}
	t.name, t.takes = nameOf(P(new(M))), t
	if len(decode) > 0 {
		t.decode = decode[0]
	}
	b.base().install(&t.handler)
}

// InstallRaw registers h for messages of that name, as bytes.
func InstallRaw(b Behavior, name string, h func(from PID, body []byte)) {
	b.base().install(&handler{name: name, takes: untyped(h)})
}

// handlers is what an actor has installed, in an order that is quick to search: by the length of the name, then by name.
type handlers []*handler

// A handler is one allocation, since there may be a hundred thousand actors with some each.
type handler struct {
	name    string
	takes   taker
	message reflect.Type // of the messages of that name, once one came; the actor's own
}

type taker interface {
	decoded(name string, body []byte) (payload any, err error)
	take(a *Actor, it *item)
}

// typed takes messages of type M.
type typed[M any, P interface {
	*M
	proto.Message
}] struct {
	handler
	f      func(from PID, m P)
	decode func(body []byte, m P) error // nil: as protobuf does
}

func (t *typed[M, P]) decoded(_ string, body []byte) (any, error) {
	m := P(new(M))
	if t.decode == nil {
		return m, proto.Unmarshal(body, m)
	}
	return m, t.decode(body, m)
}

func (t *typed[M, P]) take(a *Actor, it *item) {
	m := it.payload
	if early, ok := m.(*raw); ok {
		var err error
		if m, err = t.decoded(early.Name, early.Body); err != nil {
			a.malformed(it, t.name, err)
			return
		}
	}
	if m, ok := m.(P); ok {
		t.f(it.from, m)
	}
}

// untyped takes the messages of a name as bytes.
type untyped func(from PID, body []byte)

func (untyped) decoded(name string, body []byte) (any, error) {
	return &raw{Name: name, Body: bytes.Clone(body)}, nil
}

func (f untyped) take(a *Actor, it *item) {
	switch m := it.payload.(type) {
	case *raw:
		f(it.from, m.Body)
	case proto.Message:
		if body, err := proto.Marshal(m); err != nil {
			a.malformed(it, it.name(), err)
		} else {
			f(it.from, body)
		}
	}
}

func (hs handlers) search(name string) (int, bool) {
	return slices.BinarySearchFunc(hs, name, func(h *handler, name string) int {
		if d := len(h.name) - len(name); d != 0 {
			return d
		}
		return strings.Compare(h.name, name)
	})
}

func (a *Actor) install(h *handler) {
	a.onTurn()
	var hs handlers
	if before := a.handlers.Load(); before != nil {
		hs = slices.Clone(*before)
	}
	i, found := hs.search(h.name)
	if !found {
		hs = slices.Insert(hs, i, nil)
	}
	hs[i] = h
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
	h.takes.take(a, it)
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
	if h := a.handler(e.Name); h != nil {
		return h.takes.decoded(e.Name, e.Body)
	}
	return untyped(nil).decoded(e.Name, e.Body) // which may be installed until its turn
}
