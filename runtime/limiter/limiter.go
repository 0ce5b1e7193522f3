// Package limiter lets things happen at most so often.
package limiter

import (
	"fmt"
	"math"
	"time"

	"meseta/runtime"
)

// Limiter grants permits evenly spread. It belongs to an actor and may be used only on its turns (libprocess: RateLimiter).
type Limiter struct {
	owner   Owner
	every   time.Duration
	next    time.Time // when the next permit is due
	waiting []runtime.Promise[struct{}]
	timer   runtime.Timer
}

// Owner is an actor: whatever embeds [runtime.Actor] has these methods.
type Owner interface {
	runtime.Behavior
	Now() time.Time
	Delay(d time.Duration, f func()) runtime.Timer
}

// longest is between two permits: long enough to be never, and short enough to be added to any time there is.
const longest = 100 * 365 * 24 * time.Hour

// New returns a limiter of owner that grants so many permits per duration. It panics unless both are positive and finite.
// Less than one permit in 100 years is one in 100 years.
func New(owner Owner, permits float64, per time.Duration) *Limiter {
	if !(permits > 0) || math.IsInf(permits, 1) || per <= 0 {
		panic(fmt.Sprintf("limiter: %v permits per %v; both must be positive", permits, per))
	}
	every := min(float64(per)/permits, float64(longest))
	return &Limiter{owner: owner, every: time.Duration(every)}
}

// Acquire asks for a permit. Permits are granted in the order in which they were asked for; discarding the future takes
// back the request. When the limiter's owner terminates, all requests fail with [runtime.ErrTerminated].
func (l *Limiter) Acquire() runtime.Future[struct{}] {
	if now := l.owner.Now(); len(l.waiting) == 0 && !now.Before(l.next) {
		l.next = now.Add(l.every)
		return runtime.Ready(struct{}{})
	}
	p := runtime.Owe[struct{}](l.owner)
	p.OnDiscard(func() { p.Fail(runtime.ErrDiscarded) })
	l.waiting = append(l.waiting, p)
	if !l.timer.Active() {
		l.wait()
	}
	return runtime.CausedHere(l.owner, p.Future())
}

func (l *Limiter) wait() { l.timer = l.owner.Delay(l.next.Sub(l.owner.Now()), l.grant) }

// grant gives the permit that is due to the first waiter that still wants it.
func (l *Limiter) grant() {
	for len(l.waiting) > 0 {
		p := l.waiting[0]
		l.waiting = l.waiting[1:]
		if p.Set(struct{}{}) {
			l.next = l.owner.Now().Add(l.every)
			break
		}
	}
	if len(l.waiting) > 0 {
		l.wait()
	}
}
