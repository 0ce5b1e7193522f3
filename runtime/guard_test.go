package runtime_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// given panics, and is recognized in a report by its name.
func given() { panic("a bug") }

// astray are the ways to give a function away: each makes the victim call given off a turn.
var astray = map[string]func(n *runtime.Node, victim, owner runtime.Ref[*scribe]){
	"Then": func(_ *runtime.Node, _, owner runtime.Ref[*scribe]) {
		runtime.Then(runtime.Dispatch(owner, zero), func(int) (int, error) { given(); return 0, nil })
	},
	"Recover": func(_ *runtime.Node, _, owner runtime.Ref[*scribe]) {
		failed := runtime.Try(owner, func(*scribe, int) (int, error) { return 0, errors.New("no") }, 0)
		runtime.Recover(failed, func(error) (int, error) { given(); return 0, nil })
	},
	"OnAny": func(_ *runtime.Node, _, owner runtime.Ref[*scribe]) {
		runtime.Dispatch(owner, zero).OnAny(func(int, error) { given() })
	},
	"OnDiscard": func(_ *runtime.Node, victim, owner runtime.Ref[*scribe]) {
		runtime.Tell(owner, func(o *scribe) {
			p := runtime.Owe[int](o)
			p.OnDiscard(given)
			runtime.Tell(victim, func(*scribe) { p.Future().Discard() })
		})
	},
	"Go": func(_ *runtime.Node, _, owner runtime.Ref[*scribe]) {
		runtime.Tell(owner, func(o *scribe) {
			runtime.Go(o, func(context.Context) (int, error) { given(); return 0, nil })
		})
	},
	"Filter": func(n *runtime.Node, victim, _ runtime.Ref[*scribe]) {
		var remove func()
		remove = n.Filter(func(runtime.Arrival) bool { remove(); given(); return true })
		runtime.Tell(victim, func(*scribe) {})
	},
	"Watch": func(n *runtime.Node, victim, _ runtime.Ref[*scribe]) {
		var stop func()
		stop = n.Trace().Watch(func(runtime.Event) { stop(); given() })
		runtime.Tell(victim, func(*scribe) {})
	},
	"Options.Dropped": func(_ *runtime.Node, victim, _ runtime.Ref[*scribe]) {
		runtime.Tell(victim, func(v *scribe) { v.Send(runtime.PID{ID: "nobody", Addr: v.Self().Addr}, &emptypb.Empty{}) })
	},
	"derived": func(_ *runtime.Node, _, owner runtime.Ref[*scribe]) {
		f := runtime.Collect(runtime.Undiscardable(runtime.Dispatch(owner, zero)), runtime.Ready(1))
		runtime.Then(f, func([]int) (int, error) { given(); return 0, nil })
	},
}

func zero(*scribe) int { return 0 }

// A panic of a function that was given away ends the simulated node, in the name of that function; it does not reach the
// test, nor is it blamed on the actor whose turn it interrupts.
func TestPanicsOffATurnEndTheNode(t *testing.T) {
	t.Parallel()
	for to, mistake := range astray {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			w := sim.New(1)
			n := w.NodeWith("10.0.0.1:1", func(o *runtime.Options) { o.Dropped = func(runtime.Drop) { given() } })
			victim, owner := spawn(t, n, "victim", &scribe{}), spawn(t, n, "owner", &scribe{})
			w.Settle()
			mistake(n, victim, owner)
			w.Settle()
			if len(w.Panics()) != 1 || len(w.Living()) != 0 {
				t.Fatalf("%d panics, %d nodes; want one panic, and no node", len(w.Panics()), len(w.Living()))
			}
			p := w.Panics()[0]
			text := p.Summary()
			if !p.Actor.IsZero() || strings.Contains(text, "victim") || !strings.Contains(text, "a bug") || !strings.Contains(text, "runtime_test") {
				t.Errorf("the panic is reported as %q", text)
			}
			if to != "Filter" && to != "Watch" && to != "Options.Dropped" && !strings.Contains(text, "actor owner@") {
				t.Errorf("%q does not name the owner", text)
			}
			if !strings.Contains(p.String(), "runtime_test.given") {
				t.Errorf("the report lacks the stack:\n%s", p)
			}
		})
	}
}

// Nobody knows to which node a promise belongs that was made by hand. Its panics end the node whose turn they interrupt.
func TestAStrayPanicIsNotBlamedOnTheActorItInterrupts(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	victim := spawn(t, w.Node("10.0.0.1:1"), "victim", &scribe{})
	p := runtime.NewPromise[int]()
	runtime.Then(p.Future(), func(int) (int, error) { given(); return 0, nil }).OnAny(func(int, error) {})
	runtime.Tell(victim, func(*scribe) { p.Set(1) })
	w.Settle()
	if len(w.Panics()) != 1 {
		t.Fatalf("%d panics", len(w.Panics()))
	}
	want := "panic in a function given to Then (runtime_test.TestAStrayPanicIsNotBlamedOnTheActorItInterrupts.func1), called on a turn of actor victim@10.0.0.1:1: a bug"
	if got := w.Panics()[0].Summary(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAPanicInAnInterceptionEndsTheSender(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	here, there := w.Node("10.0.0.1:1"), w.Node("10.0.0.2:1")
	a, b := spawn(t, here, "a", &scribe{}), spawn(t, there, "b", &scribe{})
	w.Intercept(func(runtime.Envelope) sim.Verdict { given(); return sim.Pass })
	runtime.Tell(a, func(s *scribe) { s.Send(b.PID(), &emptypb.Empty{}) })
	w.Settle()
	if len(w.Panics()) != 1 || !strings.Contains(w.Panics()[0].Summary(), "given to Intercept") {
		t.Errorf("panics: %v", w.Panics())
	}
	if living := w.Living(); len(living) != 1 || living[0] != there {
		t.Errorf("%d nodes live", len(living))
	}
}

// A turn, or work, that ends its goroutine ends the node, with an explanation.
func TestGoexitIsExplained(t *testing.T) {
	t.Parallel()
	for name, exits := range map[string]func(*scribe){
		"turn": func(*scribe) { goruntime.Goexit() },
		"work": func(s *scribe) {
			runtime.Go(s, func(context.Context) (int, error) { goruntime.Goexit(); return 0, nil })
		},
		"callback": func(*scribe) {
			runtime.Ready(1).OnAny(func(int, error) { goruntime.Goexit() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan runtime.Panic, 2)
			n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { ended <- p }})
			if err != nil {
				t.Fatal(err)
			}
			runtime.Tell(spawn(t, n, "scribe", &scribe{}), exits)
			select {
			case p := <-ended:
				if !strings.Contains(p.Summary(), "runtime.Goexit") || !strings.Contains(p.Summary(), "scribe") {
					t.Errorf("reported as %q", p.Summary())
				}
			case <-time.After(10 * time.Second):
				t.Fatal("nobody noticed")
			}
			if err := n.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if len(ended) > 0 {
				t.Errorf("reported twice: %q", (<-ended).Summary())
			}
		})
	}
}

func TestZeroFuturesAndPromisesAreExplained(t *testing.T) {
	t.Parallel()
	var f runtime.Future[int]
	var p runtime.Promise[int]
	w := sim.New(1)
	s := &scribe{}
	ref := spawn(t, w.Node("10.0.0.1:1"), "scribe", s)
	pure := func(int) (int, error) { return 0, nil }
	for name, mistake := range map[string]func(){
		"OnAny": func() { f.OnAny(func(int, error) {}) }, "Peek": func() { f.Peek() }, "Discard": f.Discard,
		"Then": func() { runtime.Then(f, pure) }, "Collect": func() { runtime.Collect(f) },
		"Await":    func() { runtime.Await(s, f, func(int, error) {}) },
		"Continue": func() { runtime.Continue(s, f, func(int, error) (int, error) { return 0, nil }) },
		"Within":   func() { runtime.Within(s, f, time.Second, runtime.ErrTimeout) },
		"Settled":  func() { runtime.Settled(f) }, "Undiscardable": func() { runtime.Undiscardable(f) },
		"Set": func() { p.Set(1) }, "Fail": func() { p.Fail(nil) }, "OnDiscard": func() { p.OnDiscard(func() {}) },
		"Discarded": func() { p.Discarded() },
	} {
		if got := panics(mistake); !strings.Contains(got, "runtime: the zero ") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !f.IsZero() || !p.Future().IsZero() || runtime.Ready(1).IsZero() {
		t.Error("IsZero is wrong")
	}
	asked := runtime.Ask(ref, func(*scribe, int) runtime.Future[int] { return runtime.Future[int]{} }, 1)
	chained := runtime.Chain(s, runtime.Ready(1), func(int, error) runtime.Future[int] { return f })
	for _, answer := range []runtime.Future[int]{asked, chained} {
		if _, err := sim.Await(w, answer, time.Second); err == nil || !strings.Contains(err.Error(), "a zero Future") {
			t.Errorf("a method that returns none answers %v", err)
		}
	}
}
