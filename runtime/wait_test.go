package runtime_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

func TestWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := spawn(t, newNode(t), "scribe", &scribe{})
	if got, err := runtime.Wait(ctx, runtime.Dispatch(s, (*scribe).read)); err != nil || len(got) != 1 {
		t.Errorf("%q, %v, want what the scribe wrote", got, err)
	}
	failed := errors.New("no")
	if _, err := runtime.Wait(ctx, runtime.Failed[int](failed)); err != failed {
		t.Errorf("%v, want the future's own error", err)
	}
	p := runtime.NewPromise[int]()
	cancel()
	if _, err := runtime.Wait(ctx, p.Future()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that the context was cancelled", err)
	}
	if p.Discarded() {
		t.Error("the future was discarded")
	}
	p.Set(3)
	if got, err := runtime.Wait(ctx, p.Future()); got != 3 || err != nil {
		t.Errorf("%d, %v, want a result that is there though the context has ended", got, err)
	}
}

func TestWaitRunsTheSimulator(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	s := spawn(t, w.Node("10.0.0.1:1"), "scribe", &scribe{})
	later := runtime.Ask(s, func(a *scribe, d time.Duration) runtime.Future[int] {
		p := runtime.Owe[int](a)
		a.Delay(d, func() { p.Set(1) })
		return p.Future()
	}, time.Hour)
	if got, err := runtime.Wait(context.Background(), later); got != 1 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	never := runtime.Ask(s, func(a *scribe, _ int) runtime.Future[int] { return runtime.Owe[int](a).Future() }, 0)
	if _, err := runtime.Wait(context.Background(), never); err == nil || !strings.Contains(err.Error(), "nothing is left to do") {
		t.Errorf("%v, want that nothing can complete it", err)
	}
}

// offTurn are uses of an actor that are for its turns, by what the panic calls them.
var offTurn = map[string]func(*scribe){
	"Send": func(s *scribe) { s.Send(s.Self(), &emptypb.Empty{}) }, "Reply": func(s *scribe) { s.Reply(&emptypb.Empty{}) },
	"SendRaw": func(s *scribe) { s.SendRaw(s.Self(), "name", nil) }, "Link": func(s *scribe) { s.Link(s.Self()) },
	"Delay": func(s *scribe) { s.Delay(time.Hour, func() {}) }, "Log": func(s *scribe) { s.Log() },
	"Context": func(s *scribe) { s.Context() }, "From": func(s *scribe) { s.From() }, "Queued": func(s *scribe) { s.Queued() },
	"Unlink": func(s *scribe) { s.Unlink(s.Self()) }, "Now": func(s *scribe) { s.Now() }, "Rand": func(s *scribe) { s.Rand() },
	"Await":   func(s *scribe) { runtime.Await(s, runtime.Ready(1), func(int, error) {}) },
	"Owe":     func(s *scribe) { runtime.Owe[int](s) },
	"Install": func(s *scribe) { runtime.Install(s, func(runtime.PID, *emptypb.Empty) {}) },
	"Go":      func(s *scribe) { runtime.Go(s, func(context.Context) (int, error) { return 0, nil }) },
	"Local":   func(s *scribe) { runtime.Local[int](s) },
}

// In race builds an actor that is used off its turn says so, and with which method.
func TestUseOffATurnIsExplained(t *testing.T) {
	t.Parallel()
	if !runtime.ChecksTurns {
		t.Skip("only race builds check it")
	}
	n := newNode(t)
	s := &scribe{}
	victim, other := spawn(t, n, "victim", s), spawn(t, n, "other", &scribe{})
	for name, use := range offTurn {
		want := name + " of " + victim.PID().String()
		if got := panics(func() { use(s) }); !strings.Contains(got, want) || !strings.Contains(got, "on no turn") {
			t.Errorf("%s off a turn: %q", name, got)
		}
		elsewhere := runtime.Dispatch(other, func(*scribe) string { return panics(func() { use(s) }) })
		if got, err := wait(t, elsewhere); err != nil || !strings.Contains(got, want) || !strings.Contains(got, "a turn of other@") {
			t.Errorf("%s on the turn of another: %q, %v", name, got, err)
		}
		working := runtime.Dispatch(other, func(a *scribe) runtime.Future[string] {
			return runtime.Go(a, func(context.Context) (string, error) { return panics(func() { use(s) }), nil })
		})
		if got, err := wait(t, runtime.Flatten(working)); err != nil || !strings.Contains(got, want) || !strings.Contains(got, "given to Go") {
			t.Errorf("%s by blocking work: %q, %v", name, got, err)
		}
		own := runtime.Dispatch(victim, func(a *scribe) string { return panics(func() { use(a) }) })
		if got, err := wait(t, own); err != nil || got != "<nil>" {
			t.Errorf("%s on a turn of its own: %q, %v", name, got, err)
		}
	}
}

// Between two steps of the simulator a test may do what a turn may.
func TestTestsMayActBetweenSteps(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	s := &scribe{}
	spawn(t, w.Node("10.0.0.1:1"), "scribe", s)
	w.Settle()
	for name, use := range offTurn {
		if got := panics(func() { use(s) }); got != "<nil>" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWaitingOnATurnIsExplained(t *testing.T) {
	t.Parallel()
	if !runtime.ChecksTurns {
		t.Skip("only race builds check it")
	}
	s := spawn(t, newNode(t), "scribe", &scribe{})
	got, err := wait(t, runtime.Dispatch(s, func(*scribe) string {
		return panics(func() { runtime.Wait(context.Background(), runtime.Ready(1)) }) //nolint:errcheck // it panics
	}))
	if err != nil || !strings.Contains(got, "Wait was called on a turn of scribe@") {
		t.Errorf("%q, %v", got, err)
	}
}
