package limiter_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/limiter"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

type limited struct {
	runtime.Actor
	lines []string
}

// world returns a simulated actor and a function that runs f on its turn and settles.
func world(t *testing.T) (w *sim.World, a *limited, turn func(f func())) {
	t.Helper()
	w = runtimetest.World(t, 1)
	a = &limited{}
	ref := runtimetest.Spawn(t, w.Node("10.0.0.1:1"), "limited", a)
	return w, a, func(f func()) {
		runtime.Tell(ref, func(*limited) { f() })
		w.Settle()
	}
}

func TestPermitsAreSpread(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	var second runtime.Future[struct{}]
	turn(func() {
		started, l := a.Now(), limiter.New(a, 2, time.Second)
		for i := range 5 {
			f := l.Acquire()
			if i == 1 {
				second = f
			}
			runtime.Await(a, f, func(_ struct{}, err error) {
				a.lines = append(a.lines, fmt.Sprint(i, " ", a.Now().Sub(started), " ", err))
			})
		}
	})
	second.Discard()
	w.Advance(time.Minute)
	want := []string{"0 0s <nil>", "1 0s runtime: discarded", "2 500ms <nil>", "3 1s <nil>", "4 1.5s <nil>"}
	if !slices.Equal(a.lines, want) {
		t.Errorf("%q, want %q", a.lines, want)
	}
}

// waiter asks for a permit of another actor, and books a timer when it has one.
type waiter struct{ runtime.Actor }

// Whoever waits for a permit goes on because it has asked, and not because others have.
func TestPermitsAreCausedByTheirRequests(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	a.Node().Trace().Record(1000)
	var l *limiter.Limiter
	turn(func() { l = limiter.New(a, 1, time.Second) })
	for i := range 4 {
		ref := runtimetest.Spawn(t, a.Node(), fmt.Sprint("waiter", i), &waiter{})
		runtime.Tell(ref, func(w *waiter) {
			permit := runtime.Ask(runtime.RefOf(a), func(*limited, struct{}) runtime.Future[struct{}] { return l.Acquire() }, struct{}{})
			runtime.Await(w, permit, func(struct{}, error) { w.Delay(0, func() {}) })
		})
		w.Settle()
	}
	w.Advance(time.Minute)
	runtimetest.OwnCauses(t, a.Node(), "waiter", 4)
}

// A rate that is almost none is not unlimited, and one that is almost infinite waits for nothing.
func TestExtremeRates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		permits float64
		per     time.Duration
		want    int
	}{
		{1e-9, time.Hour, 1},
		{math.SmallestNonzeroFloat64, 1, 1},
		{1, math.MaxInt64, 1},
		{1e300, time.Nanosecond, 5},
		{1e9, time.Second, 5},
		{1.0 / 3600, time.Second, 1},
	} {
		w, a, turn := world(t)
		granted := 0
		turn(func() {
			l := limiter.New(a, c.permits, c.per)
			for range 5 {
				runtime.Await(a, l.Acquire(), func(struct{}, error) { granted++ })
			}
		})
		w.Advance(time.Minute)
		if granted != c.want {
			t.Errorf("%g permits per %s: %d were granted within a minute, want %d", c.permits, c.per, granted, c.want)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]func(){
		"limiter: 0 permits per 1s; both must be positive": func() { limiter.New(&limited{}, 0, time.Second) },
		"limiter: -1 permits":                              func() { limiter.New(&limited{}, -1, time.Second) },
		"limiter: NaN permits":                             func() { limiter.New(&limited{}, math.NaN(), time.Second) },
		"limiter: +Inf permits":                            func() { limiter.New(&limited{}, math.Inf(1), time.Second) },
		"limiter: 1 permits per 0s":                        func() { limiter.New(&limited{}, 1, 0) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}()
			f()
		}()
	}
}

// What waits when the owner ends fails, and nothing is kept for it.
func TestRequestsEndWithTheOwner(t *testing.T) {
	t.Parallel()
	_, a, turn := world(t)
	var waiting runtime.Future[struct{}]
	turn(func() {
		l := limiter.New(a, 1, time.Hour)
		l.Acquire()
		waiting = l.Acquire()
	})
	n := a.Node()
	if n.Timers() != 1 || n.Owed() != 1 {
		t.Errorf("%d timers and %d promises for one waiter", n.Timers(), n.Owed())
	}
	turn(a.Terminate)
	if _, done, err := waiting.Peek(); !done || !errors.Is(err, runtime.ErrTerminated) {
		t.Errorf("the waiter got %v, %v", err, done)
	}
	if n.Timers() != 0 || n.Owed() != 0 {
		t.Errorf("%d timers and %d promises are kept", n.Timers(), n.Owed())
	}
}
