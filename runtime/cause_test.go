package runtime_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// What was complete before a turn makes use of it, caused nothing: the turn did.
func TestTheCauseOfUsingAnOldResultIsItsUser(t *testing.T) {
	t.Parallel()
	pass := func(v int, err error) (int, error) { return v, err }
	for name, old := range map[string]func(a *scribe, b runtime.Ref[*scribe]) runtime.Future[int]{
		"a call": func(_ *scribe, b runtime.Ref[*scribe]) runtime.Future[int] {
			return runtime.Call(b, (*scribe).secret, 1)
		},
		"work":    func(a *scribe, _ runtime.Ref[*scribe]) runtime.Future[int] { return runtime.Go(a, one) },
		"an owed": func(a *scribe, _ runtime.Ref[*scribe]) runtime.Future[int] { return owedSoon(a) },
		"a result": func(a *scribe, b runtime.Ref[*scribe]) runtime.Future[int] {
			return runtime.Continue(a, runtime.Call(b, (*scribe).secret, 1), pass)
		},
		"a promise": func(a *scribe, _ runtime.Ref[*scribe]) runtime.Future[int] {
			p := runtime.NewPromise[int]()
			a.Delay(time.Second, func() { p.Set(1) })
			return p.Future()
		},
	} {
		for use, derive := range map[string]func(a *scribe, f runtime.Future[int]) runtime.Future[int]{
			"awaited": func(_ *scribe, f runtime.Future[int]) runtime.Future[int] { return f },
			"mapped": func(_ *scribe, f runtime.Future[int]) runtime.Future[int] {
				return runtime.Then(f, func(v int) (int, error) { return v, nil })
			},
			"flattened":     func(_ *scribe, f runtime.Future[int]) runtime.Future[int] { return runtime.Flatten(runtime.Ready(f)) },
			"collected":     func(_ *scribe, f runtime.Future[int]) runtime.Future[int] { return first(runtime.Collect(f, f)) },
			"undiscardable": func(_ *scribe, f runtime.Future[int]) runtime.Future[int] { return runtime.Undiscardable(f) },
			"in time": func(a *scribe, f runtime.Future[int]) runtime.Future[int] {
				return runtime.Within(a, f, time.Second, errBoom)
			},
			"chained": func(a *scribe, f runtime.Future[int]) runtime.Future[int] {
				return runtime.Chain(a, runtime.Ready(0), func(int, error) runtime.Future[int] { return f })
			},
		} {
			w, a, turn := world(t)
			n := a.Node()
			n.Trace().Record(1000)
			b := spawn(t, n, "other", &scribe{})
			var f runtime.Future[int]
			turn(func() { f = old(a, b) })
			w.Advance(2 * time.Second)
			turn(func() {
				runtime.Await(a, derive(a, f), func(int, error) { a.Delay(time.Hour, func() {}) })
			})
			if got := led(n); got != "delay answer call" && got != "delay answer answer call" {
				t.Errorf("%s, %s: what led to the timer is %q", name, use, got)
			}
		}
	}
}

func one(context.Context) (int, error) { return 1, nil }

func owedSoon(a *scribe) runtime.Future[int] {
	p := runtime.Owe[int](a)
	a.Delay(time.Second, func() { p.Set(1) })
	return p.Future()
}

func first(f runtime.Future[[]int]) runtime.Future[int] {
	return runtime.Then(f, func(all []int) (int, error) { return all[0], nil })
}

// led names what led to the node's latest timer, the latest first.
func led(n *runtime.Node) string {
	events, last := map[runtime.EventID]runtime.Event{}, runtime.Event{}
	for _, e := range n.Trace().Events() {
		events[e.ID] = e
		if e.Kind == runtime.EventDelay {
			last = e
		}
	}
	var words []string
	for e, ok := last, true; ok; e, ok = events[e.Cause] {
		switch e.Kind {
		case runtime.EventDeliver:
			words = append(words, e.What.String())
		case runtime.EventDelay, runtime.EventWork:
			words = append(words, e.Kind.String())
		}
	}
	return strings.Join(words, " ")
}

// Whether an answer comes before or after it is awaited is a matter of luck, and makes no difference to its cause.
func TestTheCauseOfAQuickAnswerIsWhatGaveIt(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *runtime.Options) { o.TraceRing = 1000 })
	a, b := spawn(t, n, "asker", &scribe{}), spawn(t, n, "other", &scribe{})
	for use, ask := range map[string]func(a *scribe) runtime.Future[int]{
		"call":         func(*scribe) runtime.Future[int] { return runtime.Call(b, (*scribe).secret, 1) },
		"call, mapped": func(*scribe) runtime.Future[int] { return first(runtime.Collect(runtime.Call(b, (*scribe).secret, 1))) },
		"work":         func(a *scribe) runtime.Future[int] { return runtime.Go(a, one) },
	} {
		done := make(chan struct{})
		runtime.Tell(a, func(a *scribe) {
			f, there := ask(a), make(chan struct{})
			f.OnAny(func(int, error) { close(there) })
			<-there
			runtime.Await(a, f, func(int, error) { a.Delay(0, func() { close(done) }) })
		})
		<-done
		what, _, _ := strings.Cut(use, ",")
		if got, want := led(n), "delay answer "+what+" call"; got != want {
			t.Errorf("%s: what led to the timer is %q; want %q", use, got, want)
		}
	}
}

// What waits in a sequence is begun because it was asked for, and not because something else is over.
func TestTheCauseOfASequencesNextIsWhoAskedForIt(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	a.Node().Trace().Record(1000)
	var s *runtime.Sequence
	turn(func() { s = runtime.NewSequence(a) })
	for i := range 3 {
		asker := spawn(t, a.Node(), fmt.Sprint("asker", i), &scribe{})
		runtime.Tell(asker, func(*scribe) {
			runtime.Tell(runtime.RefOf(a), func(a *scribe) {
				runtime.Enqueue(s, func() runtime.Future[int] { return runtime.Go(a, one) })
			})
		})
	}
	w.Settle()
	got := runtimetest.WorkBegunBy(a.Node(), a.Self().ID)
	if slices.Sort(got); !slices.Equal(got, []string{"asker0", "asker1", "asker2"}) {
		t.Errorf("the works were begun by %q", got)
	}
}
