package handlers

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/events"
)

// typed takes messages of type M.
type typed[M any, P interface {
	*M
	proto.Message
}] struct {
	Handler
	f      func(from events.PID, m P)
	decode func(body []byte, m P) error // nil: as protobuf does
}

// Typed returns a handler that calls f with messages of type M, which decode decodes, or protobuf where it is nil.
func Typed[M any, P interface {
	*M
	proto.Message
}](f func(from events.PID, m P), decode func(body []byte, m P) error) *Handler {
	t := &typed[M, P]{f: f, decode: decode}
	t.Name, t.taker = events.NameOf(P(new(M))), t
	return &t.Handler
}

func (t *typed[M, P]) Decode(_ string, body []byte) (any, error) {
	m := P(new(M))
	if t.decode == nil {
		return m, proto.Unmarshal(body, m)
	}
	return m, t.decode(body, m)
}

func (t *typed[M, P]) Take(from events.PID, payload any) (err error) {
	if early, ok := payload.(*events.Raw); ok {
		if payload, err = t.Decode(early.Name, early.Body); err != nil {
			return err
		}
	}
	if m, ok := payload.(P); ok {
		t.f(from, m)
	}
	return nil
}

// untyped takes the messages of a name as bytes.
type untyped func(from events.PID, body []byte)

// Untyped returns a handler that calls f with messages of that name.
func Untyped(name string, f func(from events.PID, body []byte)) *Handler {
	return &Handler{Name: name, taker: untyped(f)}
}

func (untyped) Decode(name string, body []byte) (any, error) { return Undecoded(name, body), nil }

func (f untyped) Take(from events.PID, payload any) error {
	switch m := payload.(type) {
	case *events.Raw:
		f(from, m.Body)
	case proto.Message:
		body, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		f(from, body)
	}
	return nil
}

// Undecoded is a message for which nothing is installed yet.
func Undecoded(name string, body []byte) *events.Raw {
	return &events.Raw{Name: name, Body: bytes.Clone(body)}
}
