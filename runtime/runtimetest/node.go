package runtimetest

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// patience is how long real time may take to do what is expected.
const patience = 10 * time.Second

// Node starts a node on real time that logs nothing. It is closed when the test ends.
func Node(t testing.TB, configure ...func(*runtime.Options)) *runtime.Node {
	t.Helper()
	o := runtime.Options{Log: zerolog.Nop(), Fatal: func(p runtime.Panic) { t.Error(p) }}
	for _, c := range configure {
		c(&o)
	}
	n, err := runtime.NewNode(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(t, n) })
	return n
}

// Close closes a node on real time, and fails the test unless it is [Quiet] soon after.
func Close(t testing.TB, n *runtime.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("closing %s: %v; still there: %v", n.Addr(), err, n.PIDs())
	}
	for (n.Working() > 0 || n.Timers() > 0) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	Quiet(t, n)
}

// Quiet fails the test if n, whose actors have been terminated, still keeps any of them, events that wait for them, or links,
// timers, promises or work begun with [runtime.Go] of theirs. Requests for permits of a limiter are promises. [Node]
// and [World] call Quiet at the end of a test, as do [Close] and [End].
func Quiet(t testing.TB, n *runtime.Node) {
	t.Helper()
	if left := n.Busy(); len(left) > 0 {
		t.Errorf("there are events that actors of %s have not handled: %v", n.Addr(), left)
	}
	if left := n.PIDs(); len(left) > 0 {
		t.Errorf("actors of %s outlive the test: %v", n.Addr(), left)
	}
	if left := n.Links(); len(left) > 0 {
		t.Errorf("links outlive the actors of %s that made them: %v", n.Addr(), left)
	}
	if left := n.Timers(); left > 0 {
		t.Errorf("%d timers outlive the actors of %s", left, n.Addr())
	}
	if left := n.Owed(); left > 0 {
		t.Errorf("%d promises or requests for permits outlive the actors of %s", left, n.Addr())
	}
	if left := n.Working(); left > 0 {
		t.Errorf("%d works begun with runtime.Go outlive the actors of %s", left, n.Addr())
	}
}

// World returns a simulated cluster, for which [End] is called when the test ends.
func World(t testing.TB, seed uint64) *sim.World {
	t.Helper()
	w := sim.New(seed)
	t.Cleanup(func() {
		End(t, w)
		if t.Failed() {
			t.Logf("the conversation was\n%s", w.Log())
		}
	})
	return w
}

// End ends a simulated cluster: it terminates the actors, and fails the test if a living node is not [Quiet] then, or if an
// actor panicked.
func End(t testing.TB, w *sim.World) {
	t.Helper()
	w.Close()
	for _, p := range w.Panics() {
		t.Error(p.Summary())
	}
	for _, n := range w.Living() {
		Quiet(t, n)
	}
}

// Spawn starts b as the actor id on n.
func Spawn[B runtime.Behavior](t testing.TB, n *runtime.Node, id string, b B) runtime.Ref[B] {
	t.Helper()
	ref, err := runtime.Spawn(n, id, b)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// Wait blocks until f, of a node on real time, is complete. In the simulator use [sim.Await].
func Wait[T any](t testing.TB, f runtime.Future[T]) (T, error) {
	t.Helper()
	done := make(chan runtime.Result[T], 1)
	f.OnAny(func(v T, err error) { done <- runtime.Result[T]{Value: v, Err: err} })
	select {
	case r := <-done:
		return r.Value, r.Err
	case <-time.After(patience):
		t.Fatal("the future does not complete")
		panic("unreachable")
	}
}
