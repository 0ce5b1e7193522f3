package runtime

import (
	"time"

	"meseta/runtime/internal/funcs"
)

// Timer is a booked [Actor.Delay].
type Timer struct{ t *timer }

type timer struct {
	actor *Actor
	f     func() // nil: over. Touched only on the actor's turns
	entry uintptr
	cause EventID
	stop  func() bool
}

// Delay runs f on a turn of this actor after d.
func (a *Actor) Delay(d time.Duration, f func()) Timer {
	a.home()
	t := &timer{actor: a, f: f, entry: funcs.Entry(f)}
	if o := a.node.trace.observers.Load(); o != nil {
		t.cause = a.node.trace.record(o, Event{
			Cause: a.turn, Kind: EventDelay, To: a.self, code: t.entry, Note: d.String(),
		})
	}
	t.stop = a.node.clock.AfterFunc(d, t.expire)
	return Timer{t}
}

// Cancel is exact: after it the function will not run, even if the time is over already. It reports whether the
// function was still to run. Cancelling the zero Timer does nothing.
func (t Timer) Cancel() bool {
	if t.t != nil {
		t.t.actor.onTurn()
	}
	if !t.Active() {
		return false
	}
	t.t.f = nil
	t.t.stop()
	return true
}

// Active reports whether the function is still to run.
func (t Timer) Active() bool { return t.t != nil && t.t.f != nil }

// expire is called by the clock.
func (t *timer) expire() {
	t.actor.node.put(t.actor, item{kind: OnTimer, payload: t}, t.cause)
}

// run implements call: the actor's turn.
func (t *timer) run() {
	f := t.f
	t.f = nil
	if f != nil {
		f()
	}
}

// drop implements call.
func (t *timer) drop(error) {}

// code implements call.
func (t *timer) code() uintptr { return t.entry }
