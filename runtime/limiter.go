package runtime

import (
	"fmt"
	"math"
	"time"
)

// Limiter lets things happen at most so often. It belongs to an actor and may be used only on its turns (libprocess:
// RateLimiter).
type Limiter struct {
	owner   Behavior
	every   time.Duration
	next    time.Time // when the next permit is due
	waiting []Promise[struct{}]
	timer   Timer
}

// NewLimiter returns a limiter of b that grants permits evenly spread, so many per duration. It panics unless both are
// positive and finite. Less than one permit in 100 years is one in 100 years.
func NewLimiter(b Behavior, permits float64, per time.Duration) *Limiter {
	if !(permits > 0) || math.IsInf(permits, 1) || per <= 0 {
		panic(fmt.Sprintf("runtime: a limiter of %v permits per %v; both must be positive", permits, per))
	}
	every := min(float64(per)/permits, float64(longestPause))
	return &Limiter{owner: b, every: time.Duration(every)}
}

// longestPause is between two permits: long enough to be never, and short enough to be added to any time there is.
const longestPause = 100 * 365 * 24 * time.Hour

// Acquire asks for a permit. Permits are granted in the order in which they were asked for; discarding the future takes
// back the request. When the limiter's owner terminates, all requests fail with [ErrTerminated].
func (l *Limiter) Acquire() Future[struct{}] {
	if now := l.owner.base().Now(); len(l.waiting) == 0 && !now.Before(l.next) {
		l.next = now.Add(l.every)
		return Ready(struct{}{})
	}
	p := Owe[struct{}](l.owner)
	p.OnDiscard(func() { p.Fail(ErrDiscarded) })
	l.waiting = append(l.waiting, p)
	if !l.timer.Active() {
		l.wait()
	}
	return p.Future()
}

func (l *Limiter) wait() { l.timer = l.owner.base().Delay(l.next.Sub(l.owner.base().Now()), l.grant) }

// grant gives the permit that is due to the first who still wants it.
func (l *Limiter) grant() {
	for len(l.waiting) > 0 {
		p := l.waiting[0]
		l.waiting = l.waiting[1:]
		if p.Set(struct{}{}) {
			l.next = l.owner.base().Now().Add(l.every)
			break
		}
	}
	if len(l.waiting) > 0 {
		l.wait()
	}
}
