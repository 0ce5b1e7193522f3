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
	after  time.Duration
	cause  uint64 // when traced: the number of the event that booked it
	stop   func() bool
	booked pending.Entry // in the actor's book
}

// Booking is a timer that is booked.
type Booking struct {
	Name  string // of the function
	After time.Duration
}

// Delay runs f on a turn of this actor after d, or soon if d is not positive. If the actor terminates before that, f is not
// called and the timer is forgotten.
func (a *Actor) Delay(d time.Duration, f func()) Timer {
	a.home()
	t := &timer{actor: a, f: f, entry: funcs.Entry(f), after: d}
	t.cause = a.node.trace.note(a.lane, events.Memo{Cause: a.turn, Kind: EventDelay, To: a.self, Code: t.entry, Took: int64(d)}).Seq
	a.node.timers.Add(1)
	t.stop = a.node.clock.AfterFunc(d, t.expire)
	if t.booked.Of = t; !a.book().Add(&t.booked) {
		t.End()
	}
	return Timer{t}
}

// Bookings returns the timers of an actor of the node that are booked, and not over or cancelled, in the order in which they were
// booked. Unknown actors have none.
func (n *Node) Bookings(pid PID) []Booking {
	a := n.local(pid)
	if a == nil {
		return nil
	}
	var all []Booking
	for _, thing := range a.pending.Load().All() {
		if t, ok := thing.(*timer); ok {
			all = append(all, Booking{funcs.Name(t.entry), t.after})
		}
	}
	return all
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
	t.t.actor.book().Done(&t.t.booked)
	t.t.End()
	return true
}

// Active reports whether the function is still to run.
func (t Timer) Active() bool { return t.t != nil && t.t.f != nil }

// expire is called by the clock.
func (t *timer) expire() {
	n := t.actor.node
	n.timers.Add(-1)
	n.put(t.actor, item{kind: OnTimer, payload: t}, n.trace.local(t.cause))
}

// End implements [pending.Thing].
func (t *timer) End() {
	if t.stop() {
		t.actor.node.timers.Add(-1)
	}
}

// run implements call: the actor's turn.
func (t *timer) run() {
	f := t.f
	t.f = nil
	t.actor.book().Done(&t.booked)
	if f != nil {
		f()
	}
}

// drop implements call.
func (t *timer) drop(error) {}

// code implements call.
func (t *timer) code() uintptr { return t.entry }
