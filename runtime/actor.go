package runtime

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
)

// Behavior is anything that embeds [Actor].
type Behavior interface{ base() *Actor }

// Optional methods of a behavior.
type (
	// Initializer is called on the first turn, to install handlers.
	Initializer interface{ Initialize() }
	// Finalizer is called on the last turn.
	Finalizer interface{ Finalize() }
	// Exiter is told, once per [Actor.Link], that a linked actor terminated or its node can no longer be reached.
	Exiter interface{ Exited(pid PID) }
)

// Ref is a typed handle of an actor of this node: it can be dispatched to.
type Ref[B Behavior] struct {
	pid      PID
	behavior B
	actor    *Actor
}

// PID returns the actor's name, which travels.
func (r Ref[B]) PID() PID { return r.pid }

// IsZero reports whether r refers to nobody.
func (r Ref[B]) IsZero() bool { return r.actor == nil }

// Actor is embedded by every actor. Its methods may be called only on the actor's own turn.
type Actor struct {
	node     *Node
	self     PID
	from     PID
	current  Envelope
	impl     Behavior
	log      zerolog.Logger
	handlers map[string]func(Envelope)
	routes   []route
	inbox    *inbox
	ctx      context.Context
	cancel   context.CancelFunc
}

func (a *Actor) base() *Actor { return a }

// Self is the actor's own PID.
func (a *Actor) Self() PID { return a.self }

// From is the sender of the message being handled, also inside [Await] continuations started by its handler; zero
// elsewhere.
func (a *Actor) From() PID { return a.from }

// Node is where the actor lives.
func (a *Actor) Node() *Node { return a.node }

// Now is the node's time.
func (a *Actor) Now() time.Time { return a.node.clock.Now() }

// Rand is the node's source of randomness; in the simulator it follows from the seed.
func (a *Actor) Rand() *rand.Rand { return a.node.rand }

// Log carries the actor's name.
func (a *Actor) Log() *zerolog.Logger { return &a.log }

// Context ends when the actor terminates. Pass it to what the actor starts.
func (a *Actor) Context() context.Context { return a.ctx }

// Send sends m, which must not be changed afterwards. Delivery is at most once and in order.
func (a *Actor) Send(to PID, m proto.Message) {
	a.node.send(Envelope{From: a.self, To: to, Name: string(m.ProtoReflect().Descriptor().FullName()), Message: m})
}

// SendRaw sends bytes under a name, for messages whose type is not linked into this program.
func (a *Actor) SendRaw(to PID, name string, body []byte) {
	a.node.send(Envelope{From: a.self, To: to, Name: name, Body: body})
}

// Reply sends m to [Actor.From].
func (a *Actor) Reply(m proto.Message) { a.Send(a.from, m) }

// Forward sends the message being handled on to another actor, as if its sender had sent it there.
func (a *Actor) Forward(to PID) {
	e := a.current
	e.To = to
	a.node.send(e)
}

// Link asks to be told by Exited when the actor named to terminates or its node can no longer be reached. Linking
// twice tells once.
func (a *Actor) Link(to PID) { a.node.link(a, to) }

// Relink is Link over a new connection, whatever becomes of the old one (libprocess: RemoteConnection::RECONNECT).
func (a *Actor) Relink(to PID) { a.node.relink(a, to) }

// Unlink takes back a Link: Exited will not be called.
func (a *Actor) Unlink(to PID) { a.node.unlink(a, to) }

// Terminate ends this actor after the current turn.
func (a *Actor) Terminate() { a.node.Terminate(a.self) }

// Timer is a booked [Actor.Delay].
type Timer struct{ t *timer }

type timer struct {
	over bool // touched only on the actor's turn
	stop func() bool
}

// Cancel is exact: after it the function will not run, even if the time is over already. It reports whether the
// function was still to run. Cancelling the zero Timer does nothing.
func (t Timer) Cancel() bool {
	if t.t == nil || t.t.over {
		return false
	}
	t.t.over = true
	t.t.stop()
	return true
}

// Active reports whether the function is still to run.
func (t Timer) Active() bool { return t.t != nil && !t.t.over }

// Delay runs f on a turn of this actor after d.
func (a *Actor) Delay(d time.Duration, f func()) Timer {
	t := &timer{}
	t.stop = a.node.clock.AfterFunc(d, func() {
		a.post(func() {
			if !t.over {
				t.over = true
				f()
			}
		})
	})
	return Timer{t}
}

// Install registers h for messages of type M. Installing twice replaces.
func Install[M any, P interface {
	*M
	proto.Message
}](b Behavior, h func(from PID, m P)) {
	name := string(P(new(M)).ProtoReflect().Descriptor().FullName())
	a := b.base()
	a.handlers[name] = func(e Envelope) {
		m, ok := e.Message.(P)
		if !ok {
			m = P(new(M))
			if err := proto.Unmarshal(e.Body, m); err != nil {
				a.log.Warn().Err(err).Str("name", name).Stringer("from", e.From).Msg("malformed message dropped")
				return
			}
		}
		h(e.From, m)
	}
}

// InstallRaw registers h for messages of that name, as bytes.
func InstallRaw(b Behavior, name string, h func(from PID, body []byte)) {
	a := b.base()
	a.handlers[name] = func(e Envelope) {
		body := e.Body
		if body == nil && e.Message != nil {
			body, _ = proto.Marshal(e.Message)
		}
		h(e.From, body)
	}
}

type route struct {
	path string
	help Help
	h    func(*Request) Future[*Response]
}

// Route serves HTTP requests for /<id><path> on turns of b. The longest matching path wins; Request.Route tells which.
func Route(b Behavior, path string, help Help, h func(*Request) Future[*Response]) {
	a := b.base()
	a.routes = append(a.routes, route{path, help, h})
}

// Tell runs f on a turn of the actor behind to.
func Tell[B Behavior](to Ref[B], f func(B)) {
	to.actor.post(func() { f(to.behavior) })
}

// Dispatch runs f on a turn of the actor behind to and returns its result. If the actor terminates first, the future
// fails with [ErrTerminated].
func Dispatch[B Behavior, R any](to Ref[B], f func(B) R) Future[R] {
	p := NewPromise[R]()
	ok := to.actor.postOr(func() { p.Set(f(to.behavior)) }, func() { p.Fail(ErrTerminated) })
	if !ok {
		p.Fail(ErrTerminated)
	}
	return p.Future()
}

// Call is Dispatch of a method with one argument. Tests can intercept it by the method's name.
func Call[B Behavior, P, R any](to Ref[B], method func(B, P) R, arg P) Future[R] {
	return Dispatch(to, func(b B) R { return method(b, arg) })
}

// Go runs blocking work off the actor's turn and returns its result; continue with [Await]. ctx ends when b
// terminates. In the simulator work runs as one step, so it must not wait for anything an actor does.
func Go[T any](b Behavior, work func(ctx context.Context) (T, error)) Future[T] {
	a := b.base()
	p := NewPromise[T]()
	ctx, cancel := context.WithCancel(a.ctx)
	p.OnDiscard(cancel)
	a.node.scheduler.Go(func() {
		defer cancel()
		v, err := work(ctx)
		p.cell.finish(v, err)
	})
	return p.Future()
}
