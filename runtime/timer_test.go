package runtime_test

import (
	"errors"
	"testing"
	"time"

	"meseta/runtime"
)

func TestTheZeroTimerIsOver(t *testing.T) {
	t.Parallel()
	var none runtime.Timer
	if none.Active() || none.Cancel() || none.Active() {
		t.Error("the zero Timer is active, or was cancelled")
	}
}

// Timers and promises of an actor end with it: neither the clock nor a waiter keeps anything.
func TestTimersEndWithTheirActor(t *testing.T) {
	t.Parallel()
	w, a, turn := world(t)
	var over, cancelled, booked runtime.Timer
	var limited runtime.Future[int]
	never := func() { t.Error("a timer of an actor that is gone has run") }
	turn(func() {
		over, cancelled = a.Delay(time.Second, func() {}), a.Delay(time.Hour, never)
		booked = a.Delay(time.Hour, never)
		limited = runtime.Within(a, runtime.NewPromise[int]().Future(), time.Hour, errBoom)
	})
	n := a.Node()
	if got := n.Timers(); got != 4 {
		t.Errorf("%d timers are booked; want 4", got)
	}
	w.Advance(time.Minute)
	turn(func() { cancelled.Cancel() })
	if got := n.Timers(); got != 2 || over.Active() || cancelled.Active() || !booked.Active() {
		t.Errorf("%d timers are booked; want 2, of which one is in Within", got)
	}
	turn(func() { a.Terminate() })
	if got := n.Timers(); got != 0 {
		t.Errorf("%d timers outlive their actor", got)
	}
	if r := peek(limited); !errors.Is(r.Err, runtime.ErrTerminated) {
		t.Errorf("Within of an actor that is gone: %v", r)
	}
	a.Delay(time.Hour, never) // between two steps, by code that does not know
	if got := n.Timers(); got != 0 {
		t.Errorf("%d timers of an actor that is gone already", got)
	}
	w.Advance(2 * time.Hour)
}

// Nodes that are given no seed draw different numbers, and those that are given the same one draw the same.
func TestSeedZeroIsNone(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) uint64 {
		return newNode(t, func(o *runtime.Options) { o.Seed = seed }).Rand().Uint64()
	}
	if a, b := draw(0), draw(0); a == b {
		t.Errorf("two nodes without a seed draw %d", a)
	}
	if a, b := draw(1), draw(1); a != b {
		t.Errorf("two nodes with seed 1 draw %d and %d", a, b)
	}
}
