package runtime

import (
	"time"

	"meseta/runtime/internal/events"
	"meseta/runtime/internal/funcs"
	"meseta/runtime/internal/pending"
)

// Timer is a booked [Actor.Delay].
type Timer struct{ t *timer }

type timer struct {
	actor  *Actor
	f      func() // nil: over. Touched only on the actor's turns
	entry  uintptr
	cause  EventID
	booked pending.Entry // in the actor's book
}

// Delay runs f on a turn of this actor after d, or soon if d is not positive. If the actor terminates before that, f is not
// called and the timer is forgotten.
func (a *Actor) Delay(d time.Duration, f func()) Timer {
	a.home()
	t := &timer{actor: a, f: f, entry: funcs.Entry(f)}
	t.cause = a.node.trace.note(a.lane, events.Memo{Cause: a.turn, Kind: EventDelay, To: a.self, Code: t.entry, Took: int64(d)})
	t.booked.End = a.node.after(d, t.expire)
	if !a.book().Add(&t.booked) {
		t.booked.End()
	}
	return Timer{t}
}

// after calls f once after d, on a goroutine of the clock, unless stop is called before.
func (n *Node) after(d time.Duration, f func()) (stop func()) {
	n.timers.Add(1)
	cancel := n.clock.AfterFunc(d, func() {
		n.timers.Add(-1)
		f()
	})
	return func() {
		if cancel() {
			n.timers.Add(-1)
		}
	}
}

// Timers counts the timers that are booked and neither over nor cancelled. When no actor is left it is zero. It is for tests.
func (n *Node) Timers() int { return int(n.timers.Load()) }

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
	t.t.actor.pending.Done(&t.t.booked)
	t.t.booked.End()
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
	t.actor.pending.Done(&t.booked)
	if f != nil {
		f()
	}
}

// drop implements call.
func (t *timer) drop(error) {}

// code implements call.
func (t *timer) code() uintptr { return t.entry }
