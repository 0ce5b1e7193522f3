package runtime_test

import (
	"context"
	"testing"

	"meseta/runtime"
)

// exchange is a wire that makes connections, and ends them when the test says so.
type exchange struct {
	receiver runtime.Receiver
	made     runtime.Connection
	current  runtime.Connection
	onLink   func()
}

func (*exchange) Addr() string { return "10.0.0.1:1" }
func (x *exchange) Start(r runtime.Receiver) error {
	x.receiver = r
	return nil
}
func (*exchange) Send(runtime.Envelope) {}
func (x *exchange) Link(string) runtime.Connection {
	if x.current == 0 {
		x.made++
		x.current = x.made
	}
	c := x.current
	if x.onLink != nil {
		x.onLink()
	}
	return c
}
func (x *exchange) Relink(addr string) runtime.Connection {
	x.current = 0
	return x.Link(addr)
}
func (*exchange) Close(context.Context) error { return nil }

// The end of a connection is told late, when the actor has linked over a new one; or early, before the actor knows over
// which it has linked. Each link ends with its own connection, once.
func TestExitsBelongToOneConnection(t *testing.T) {
	t.Parallel()
	x := &exchange{}
	n := newNode(t, func(o *runtime.Options) { o.Wire = x })
	peer := runtime.PID{ID: "peer", Addr: "10.0.0.2:1"}
	s, other := spawn(t, n, "scribe", &scribe{}), spawn(t, n, "other", &scribe{})
	for _, ref := range []runtime.Ref[*scribe]{s, other} {
		runtime.Tell(ref, func(a *scribe) { a.Link(peer) })
		lines(t, ref)
	}
	runtime.Tell(s, func(a *scribe) { a.Relink(peer) })
	lines(t, s)
	x.receiver.Exited(peer.Addr, 1) // of the old one
	expect(t, lines(t, other), "initialize", "exited peer")
	expect(t, lines(t, s), "initialize")
	x.receiver.Exited(peer.Addr, 2)
	x.receiver.Exited(peer.Addr, 2)
	lines(t, s)
	expect(t, lines(t, s), "initialize", "exited peer")
	runtime.Tell(s, func(a *scribe) {
		x.current = 0
		x.onLink = func() { x.receiver.Exited(peer.Addr, 3) }
		a.Link(peer)
		x.onLink = nil
	})
	lines(t, s)
	expect(t, lines(t, s), "initialize", "exited peer", "exited peer")
}
