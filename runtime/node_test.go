package runtime_test

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
)

// newNode returns a node on real time that is closed when the test ends.
func newNode(t testing.TB, configure ...func(*runtime.Options)) *runtime.Node {
	t.Helper()
	o := runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p) }}
	for _, c := range configure {
		c(&o)
	}
	n, err := runtime.NewNode(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

func spawn[B runtime.Behavior](t testing.TB, n *runtime.Node, id string, b B) runtime.Ref[B] {
	t.Helper()
	ref, err := runtime.Spawn(n, id, b)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// wait blocks until f is complete.
func wait[T any](t testing.TB, f runtime.Future[T]) (T, error) {
	t.Helper()
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	f.OnAny(func(v T, err error) { done <- result{v, err} })
	select {
	case r := <-done:
		return r.v, r.err
	case <-time.After(10 * time.Second):
		t.Fatal("the future does not complete")
		panic("unreachable")
	}
}

// scribe writes down what happens to it. Its fields are read through Dispatch.
type scribe struct {
	runtime.Actor
	lines  []string
	onEnd  func()
	onExit func()
}

func (s *scribe) Initialize() {
	s.write("initialize")
	runtime.Install(s, func(from runtime.PID, m *wrapperspb.StringValue) { s.write("message %s", m.GetValue()) })
	runtime.InstallRaw(s, "raw.Name", func(from runtime.PID, body []byte) { s.write("raw %s from %s", body, from.ID) })
}

func (s *scribe) Finalize() {
	s.write("finalize")
	if s.onEnd != nil {
		s.onEnd()
	}
}

func (s *scribe) Exited(pid runtime.PID) {
	s.write("exited %s", pid.ID)
	if s.onExit != nil {
		s.onExit()
	}
}

func (s *scribe) write(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *scribe) read() []string { return slices.Clone(s.lines) }

// lines returns what s wrote so far.
func lines(t testing.TB, s runtime.Ref[*scribe]) []string {
	t.Helper()
	got, err := wait(t, runtime.Dispatch(s, (*scribe).read))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func expect(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEverythingIsOneQueue(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s, friend := spawn(t, n, "scribe", &scribe{}), spawn(t, n, "friend", &scribe{})
	done := runtime.Dispatch(s, func(a *scribe) bool {
		a.Link(friend.PID())
		a.Link(friend.PID())
		n.Terminate(friend.PID())
		for n.Wait(context.Background(), friend.PID()) != nil {
		}
		a.Send(a.Self(), wrapperspb.String("1"))
		runtime.Await(a, runtime.Ready(2), func(v int, _ error) { a.write("answer %d", v) })
		runtime.Tell(s, func(a *scribe) { a.write("call 3") })
		a.SendRaw(a.Self(), "raw.Name", []byte("4"))
		return true
	})
	if _, err := wait(t, done); err != nil {
		t.Fatal(err)
	}
	expect(t, lines(t, s), "initialize", "exited friend", "message 1", "answer 2", "call 3", "raw 4 from scribe")
}

func TestTerminateHandlesWhatIsQueued(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	var seen []string
	s := &scribe{}
	s.onEnd = func() { seen = s.read() }
	ref := spawn(t, n, "scribe", s)
	hold := make(chan struct{})
	runtime.Tell(ref, func(*scribe) { <-hold })
	before := runtime.Dispatch(ref, func(a *scribe) int { a.write("before"); return 1 })
	n.Terminate(ref.PID())
	after := runtime.Dispatch(ref, func(*scribe) int { return 2 })
	close(hold)
	if v, err := wait(t, before); v != 1 || err != nil {
		t.Errorf("queued before: %d, %v", v, err)
	}
	if _, err := wait(t, after); !errors.Is(err, runtime.ErrTerminated) {
		t.Errorf("queued after: %v", err)
	}
	if err := n.Wait(t.Context(), ref.PID()); err != nil {
		t.Fatal(err)
	}
	expect(t, seen, "initialize", "before", "finalize")
}

func TestTerminateFromInsideOvertakes(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	var seen []string
	s := &scribe{}
	s.onEnd = func() { seen = s.read() }
	ref := spawn(t, n, "scribe", s)
	hold := make(chan struct{})
	runtime.Tell(ref, func(a *scribe) {
		<-hold
		a.Terminate()
		a.write("the turn")
	})
	queued := runtime.Dispatch(ref, func(a *scribe) int { a.write("queued"); return 1 })
	close(hold)
	if _, err := wait(t, queued); !errors.Is(err, runtime.ErrTerminated) {
		t.Errorf("queued: %v", err)
	}
	if err := n.Wait(t.Context(), ref.PID()); err != nil {
		t.Fatal(err)
	}
	expect(t, seen, "initialize", "the turn", "finalize")
	if _, err := wait(t, runtime.Dispatch(ref, func(*scribe) int { return 3 })); !errors.Is(err, runtime.ErrTerminated) {
		t.Errorf("after: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	first := spawn(t, n, "scribe", &scribe{})
	if _, err := runtime.Spawn(n, "scribe", &scribe{}); err == nil {
		t.Error("two actors of one name")
	}
	n.Terminate(first.PID())
	if err := n.Wait(t.Context(), first.PID()); err != nil {
		t.Fatal(err)
	}
	second := spawn(t, n, "scribe", &scribe{})
	other := spawn(t, n, "other", &scribe{})
	runtime.Tell(other, func(a *scribe) { a.Send(first.PID(), wrapperspb.String("for the bearer of the name")) })
	lines(t, other)
	expect(t, lines(t, second), "initialize", "message for the bearer of the name")
	if a, b := n.NewID("x"), n.NewID("x"); a != "x(1)" || b != "x(2)" {
		t.Errorf("ids %s, %s", a, b)
	}
}

// panics returns what f panics with.
func panics(f func()) (reason string) {
	defer func() { reason = fmt.Sprint(recover()) }()
	f()
	return ""
}

func TestMistakesAreExplained(t *testing.T) {
	t.Parallel()
	var nobody runtime.Ref[*scribe]
	for _, c := range []struct {
		want    string
		mistake func()
	}{
		{"the zero Ref", func() { runtime.Tell(nobody, func(*scribe) {}) }},
		{"the zero Ref", func() { runtime.Dispatch(nobody, func(*scribe) int { return 0 }) }},
		{"the zero Ref", func() { runtime.Call(nobody, func(*scribe, int) int { return 0 }, 1) }},
		{"RefOf a *runtime_test.scribe that is not spawned", func() { runtime.RefOf(&scribe{}) }},
	} {
		if got := panics(c.mistake); !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestLinkToNobody(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := spawn(t, n, "scribe", &scribe{})
	runtime.Tell(s, func(a *scribe) {
		a.Link(runtime.PID{ID: "nobody", Addr: n.Addr()})
		a.Link(runtime.PID{ID: "far", Addr: "10.0.0.1:1"})
	})
	lines(t, s)
	expect(t, lines(t, s), "initialize", "exited nobody", "exited far")
}

func TestUnlinkIsExact(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := spawn(t, n, "scribe", &scribe{})
	runtime.Tell(s, func(a *scribe) {
		nobody := runtime.PID{ID: "nobody", Addr: n.Addr()}
		a.Link(nobody) // its exit is queued already
		a.Unlink(nobody)
	})
	lines(t, s)
	expect(t, lines(t, s), "initialize")
}

func TestForward(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a, b, c := spawn(t, n, "a", &scribe{}), spawn(t, n, "b", &scribe{}), spawn(t, n, "c", &scribe{})
	runtime.Tell(b, func(b *scribe) {
		runtime.Install(b, func(runtime.PID, *wrapperspb.Int32Value) { b.Forward(c.PID()) })
	})
	runtime.Tell(c, func(c *scribe) {
		runtime.Install(c, func(from runtime.PID, m *wrapperspb.Int32Value) {
			c.write("%d from %s, %s", m.GetValue(), from.ID, c.From().ID)
		})
	})
	lines(t, b)
	lines(t, c)
	runtime.Tell(a, func(a *scribe) { a.Send(b.PID(), wrapperspb.Int32(7)) })
	lines(t, a)
	lines(t, b)
	expect(t, lines(t, c), "initialize", "7 from a, a")
}

func TestPanicEndsTheNode(t *testing.T) {
	t.Parallel()
	ended := make(chan runtime.Panic, 1)
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { ended <- p }})
	if err != nil {
		t.Fatal(err)
	}
	s := spawn(t, n, "scribe", &scribe{})
	other := spawn(t, n, "other", &scribe{})
	runtime.Tell(other, func(a *scribe) { a.Send(s.PID(), wrapperspb.String("hello")) })
	lines(t, other)
	runtime.Tell(s, func(*scribe) { panic("a bug") })
	var p runtime.Panic
	select {
	case p = <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the panic went unnoticed")
	}
	if err := n.Close(t.Context()); err != nil {
		t.Errorf("closing a broken node: %v", err)
	}
	text := p.String()
	for _, want := range []string{
		"panic in actor scribe@", "a bug", "message google.protobuf.StringValue from other@", "TestPanicEndsTheNode",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the report:\n%s", want, text)
		}
	}
}

func TestDelayIsCancelledExactly(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := spawn(t, n, "scribe", &scribe{})
	fired := make(chan struct{})
	var timer runtime.Timer
	runtime.Tell(s, func(a *scribe) {
		timer = a.Delay(0, func() { a.write("cancelled in vain") })
		for a.Queued().Dispatches == 0 { // until it is due, and only waits for its turn
			goruntime.Gosched()
		}
		if !timer.Active() || !timer.Cancel() || timer.Cancel() || timer.Active() {
			a.write("wrong state")
		}
		a.Delay(time.Millisecond, func() { close(fired) })
	})
	<-fired
	expect(t, lines(t, s), "initialize")
}

func TestGoEndsWithTheActor(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := spawn(t, n, "scribe", &scribe{})
	started := make(chan struct{})
	work, _ := wait(t, runtime.Dispatch(s, func(a *scribe) runtime.Future[int] {
		return runtime.Go(a, func(ctx context.Context) (int, error) {
			close(started)
			<-ctx.Done()
			return 0, ctx.Err()
		})
	}))
	<-started
	n.Terminate(s.PID())
	if _, err := wait(t, work); !errors.Is(err, context.Canceled) {
		t.Errorf("work ended with %v", err)
	}
}

// Many senders, actors that come and go, links and calls: for the race detector.
func TestStorm(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	sink := spawn(t, n, "sink", &scribe{})
	var answered atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 200 {
				id := fmt.Sprintf("a%d-%d", i, k)
				ref := spawn(t, n, id, &scribe{})
				runtime.Tell(ref, func(a *scribe) {
					a.Link(sink.PID())
					a.Send(sink.PID(), wrapperspb.Int32(1))
				})
				runtime.Tell(sink, func(s *scribe) { s.Link(ref.PID()) })
				runtime.Tell(ref, func(a *scribe) { a.Terminate() })
				runtime.Dispatch(ref, func(*scribe) int { return 1 }).OnAny(func(int, error) { answered.Add(1) })
			}
		})
	}
	all.Wait()
	got := func() int { return len(lines(t, sink)) }
	for deadline := time.Now().Add(10 * time.Second); got() < 1601 && time.Now().Before(deadline); {
		goruntime.Gosched()
	}
	if got() != 1601 || answered.Load() != 1600 {
		t.Errorf("%d exits, %d answers; want 1600 each", got()-1, answered.Load())
	}
}
