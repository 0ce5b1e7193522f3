package runtime_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
)

func TestContinuationsYield(t *testing.T) {
	t.Parallel()
	_, a, turn := world(t)
	source := runtime.NewPromise[int]()
	var doubled, failed, chained, broken runtime.Future[int]
	turn(func() {
		doubled = runtime.Continue(a, source.Future(), func(v int, err error) (int, error) { a.write("%d", v); return 2 * v, err })
		failed = runtime.Continue(a, source.Future(), func(int, error) (int, error) { return 0, errBoom })
		chained = runtime.Chain(a, doubled, func(v int, err error) runtime.Future[int] { return runtime.Ready(v + 1) })
		broken = runtime.Chain(a, failed, func(_ int, err error) runtime.Future[int] { return runtime.Failed[int](err) })
	})
	expect(t, a.lines, "initialize")
	source.Set(3)
	turn(func() {})
	expect(t, a.lines, "initialize", "3")
	if peek(doubled).Value != 6 || peek(failed).Err != errBoom || peek(chained).Value != 7 || peek(broken).Err != errBoom {
		t.Errorf("%v %v %v %v", peek(doubled), peek(failed), peek(chained), peek(broken))
	}
}

// A continuation can answer the sender of the message that it continues.
func TestContinuationsKnowWhomTheyAnswer(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	n := w.Living()[0]
	asker := &scribe{}
	ask := spawn(t, n, "asker", asker)
	turn(func() {
		runtime.Install(a, func(runtime.PID, *wrapperspb.Int32Value) {
			runtime.Continue(a, runtime.Ready(1), func(int, error) (int, error) { a.Reply(wrapperspb.String("done")); return 0, nil })
		})
	})
	runtime.Tell(ask, func(s *scribe) { s.Send(a.Self(), wrapperspb.Int32(1)) })
	w.Settle()
	expect(t, asker.lines, "initialize", "message done")
}

func TestDiscardTravelsThroughContinuations(t *testing.T) {
	t.Parallel()
	_, a, turn := world(t)
	source, inner := runtime.NewPromise[int](), runtime.NewPromise[int]()
	var f runtime.Future[int]
	turn(func() {
		f = runtime.Chain(a, source.Future(), func(int, error) runtime.Future[int] { return inner.Future() })
	})
	f.Discard()
	if !source.Discarded() || inner.Discarded() {
		t.Error("the source was not told that its waiter is gone")
	}
	source.Set(1)
	turn(func() {})
	if !inner.Discarded() {
		t.Error("what was discarded before it began is not told")
	}
}

// Whatever an actor has promised fails when it ends: while it waits, while the answer is queued, while what follows is
// pending, and when it is promised on the last turn.
func TestPromisesEndWithTheirActor(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	never, ready := runtime.NewPromise[int](), runtime.Ready(1)
	pass := func(v int, err error) (int, error) { return v, err }
	forever := func(int, error) runtime.Future[int] { return never.Future() }
	all := map[string]runtime.Future[int]{}
	a.onEnd = func() { all["promised at the end"] = runtime.Owe[int](a).Future() }
	turn(func() {
		all["chained"] = runtime.Chain(a, ready, forever)
		all["sequence, under way"] = runtime.Enqueue(runtime.NewSequence(a), never.Future)
	})
	kept := runtime.NewPromise[int]()
	turn(func() {
		all["owed"] = runtime.Owe[int](a).Future()
		all["continued"] = runtime.Continue(a, never.Future(), pass)
		all["queued"] = runtime.Continue(a, ready, pass)
		kept = runtime.Owe[int](a)
		kept.Set(5)
		s := runtime.NewSequence(a)
		for _, name := range []string{"sequence, first", "sequence, second", "sequence, third", "sequence, fourth"} {
			all[name] = runtime.Enqueue(s, never.Future)
		}
		a.Terminate()
	})
	w.Settle()
	for name, f := range all {
		if r := peek(f); r.Err != runtime.ErrTerminated {
			t.Errorf("%s: %v", name, r)
		}
	}
	if r := peek(kept.Future()); r.Value != 5 || r.Err != nil {
		t.Errorf("a promise that was kept: %v", r)
	}
	if r := peek(runtime.Owe[int](a).Future()); r.Err != runtime.ErrTerminated {
		t.Errorf("a promise of an actor that is gone: %v", r)
	}
}

// Promises fail in the order in which they were made, however many were kept meanwhile.
func TestPromisesEndInOrder(t *testing.T) {
	t.Parallel()
	_, a, turn := world(t)
	var failed []int
	turn(func() {
		promises := make([]runtime.Promise[int], 10)
		for i := range promises {
			promises[i] = runtime.Owe[int](a)
			promises[i].Future().OnAny(func(_ int, err error) {
				if err != nil {
					failed = append(failed, i)
				}
			})
		}
		for _, i := range []int{0, 4, 5, 9} {
			promises[i].Set(1)
		}
		a.Terminate()
	})
	if !slices.Equal(failed, []int{1, 2, 3, 6, 7, 8}) {
		t.Errorf("%v", failed)
	}
}

func (s *scribe) half(v int) (int, error) {
	if v%2 != 0 {
		return 0, errBoom
	}
	return v / 2, nil
}

func (s *scribe) later(f runtime.Future[int]) runtime.Future[int] { return f }

func TestCallsThatFailOrAnswerLater(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	ref, p := runtime.RefOf(a), runtime.NewPromise[int]()
	even, odd := runtime.Try(ref, (*scribe).half, 4), runtime.Try(ref, (*scribe).half, 3)
	asked := runtime.Ask(ref, (*scribe).later, p.Future())
	turn(func() {})
	if peek(even).Value != 2 || peek(odd).Err != errBoom {
		t.Errorf("%v, %v", peek(even), peek(odd))
	}
	p.Set(7)
	if peek(asked).Value != 7 {
		t.Errorf("%v", peek(asked))
	}
	turn(func() { a.Terminate() })
	late, tried := runtime.Ask(ref, (*scribe).later, p.Future()), runtime.Try(ref, (*scribe).half, 4)
	w.Settle()
	if !errors.Is(peek(late).Err, runtime.ErrTerminated) || !errors.Is(peek(tried).Err, runtime.ErrTerminated) {
		t.Errorf("%v, %v", peek(late), peek(tried))
	}
}
