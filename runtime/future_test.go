package runtime_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// world returns a simulated actor and a function that runs f on its turn and settles.
func world(t *testing.T) (w *sim.World, a *scribe, turn func(f func())) {
	t.Helper()
	w = sim.New(1)
	a = &scribe{}
	ref := spawn(t, w.Node("10.0.0.1:1"), "scribe", a)
	return w, a, func(f func()) {
		runtime.Tell(ref, func(*scribe) { f() })
		w.Settle()
	}
}

var errBoom = errors.New("boom")

func peek[T any](f runtime.Future[T]) runtime.Result[T] {
	v, done, err := f.Peek()
	if !done {
		err = errors.New("pending")
	}
	return runtime.Result[T]{Value: v, Err: err}
}

func TestCombinators(t *testing.T) {
	t.Parallel()
	one, two, bad := runtime.Ready(1), runtime.Ready(2), runtime.Failed[int](errBoom)
	if r := peek(runtime.Collect(one, two)); r.Err != nil || !slices.Equal(r.Value, []int{1, 2}) {
		t.Errorf("Collect: %v", r)
	}
	pending := runtime.NewPromise[int]()
	if r := peek(runtime.Collect(one, pending.Future(), bad)); r.Err != errBoom || !pending.Discarded() {
		t.Errorf("Collect of a failure: %v, the rest discarded: %v", r, pending.Discarded())
	}
	if r := peek(runtime.Settled(one, bad)); r.Err != nil || r.Value[0].Value != 1 || r.Value[1].Err != errBoom {
		t.Errorf("Settled: %v", r)
	}
	if r := peek(runtime.Recover(bad, func(error) (int, error) { return 3, nil })); r.Value != 3 || r.Err != nil {
		t.Errorf("Recover: %v", r)
	}
	if r := peek(runtime.Recover(one, func(error) (int, error) { return 3, nil })); r.Value != 1 {
		t.Errorf("Recover of a value: %v", r)
	}
	if r := peek(runtime.Then(one, func(v int) (string, error) { return strings.Repeat("x", v), nil })); r.Value != "x" {
		t.Errorf("Then: %v", r)
	}
	if r := peek(runtime.Flatten(runtime.Ready(two))); r.Value != 2 {
		t.Errorf("Flatten: %v", r)
	}
}

func TestDiscardTravelsUp(t *testing.T) {
	t.Parallel()
	source := runtime.NewPromise[int]()
	f := runtime.Then(source.Future(), func(v int) (int, error) { return v, nil })
	g := runtime.Recover(runtime.Flatten(runtime.Ready(f)), func(err error) (int, error) { return 0, err })
	g.Discard()
	if !source.Discarded() {
		t.Error("the source was not told")
	}
	if !source.Set(4) || peek(g).Value != 4 {
		t.Error("discarding is a request, and the value came all the same")
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	slow, quick := runtime.NewPromise[int](), runtime.NewPromise[int]()
	turn(func() {
		runtime.Await(a, runtime.Within(a, slow.Future(), time.Second, errBoom), func(_ int, err error) { a.write("slow %v", err) })
		runtime.Await(a, runtime.Within(a, quick.Future(), time.Second, errBoom), func(v int, _ error) { a.write("quick %d", v) })
	})
	quick.Set(5)
	w.Advance(time.Minute)
	expect(t, a.lines, "initialize", "quick 5", "slow boom")
	if !slow.Discarded() || quick.Discarded() {
		t.Error("the slow one is to be discarded, the quick one not")
	}
}

func TestSequence(t *testing.T) {
	t.Parallel()
	_, a, turn := world(t)
	first := runtime.NewPromise[int]()
	var results [3]runtime.Future[int]
	turn(func() {
		s := runtime.NewSequence(a)
		for i, f := range []runtime.Future[int]{first.Future(), runtime.Ready(2), runtime.Failed[int](errBoom)} {
			results[i] = runtime.Enqueue(s, func() runtime.Future[int] { a.write("do %d", i); return f })
		}
	})
	expect(t, a.lines, "initialize", "do 0")
	results[1].Discard()
	first.Set(1)
	turn(func() {})
	expect(t, a.lines, "initialize", "do 0", "do 2")
	if peek(results[0]).Value != 1 || peek(results[1]).Err != runtime.ErrDiscarded || peek(results[2]).Err != errBoom {
		t.Errorf("%v %v %v", peek(results[0]), peek(results[1]), peek(results[2]))
	}
}
