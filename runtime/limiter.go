package runtime

import (
	"fmt"
	"time"
)

// Limiter lets things happen at most so often. It belongs to an actor and may be used only on its turns (libprocess:
// RateLimiter).
type Limiter struct {
	owner   *Actor
	every   time.Duration
	next    time.Time // when the next permit is due
	waiting []Promise[struct{}]
	timer   Timer
}

// NewLimiter returns a limiter of b that grants permits evenly spread, so many per duration. Both must be positive.
func NewLimiter(b Behavior, permits float64, per time.Duration) *Limiter {
	if permits <= 0 || per <= 0 {
		panic(fmt.Sprintf("runtime: a limiter of %v permits per %v", permits, per))
	}
	return &Limiter{owner: b.base(), every: time.Duration(float64(per) / permits)}
}

// Acquire asks for a permit. Permits are granted in the order in which they were asked for; discarding the future takes
// back the request.
func (l *Limiter) Acquire() Future[struct{}] {
	if now := l.owner.Now(); len(l.waiting) == 0 && !now.Before(l.next) {
		l.next = now.Add(l.every)
		return Ready(struct{}{})
	}
	p := NewPromise[struct{}]()
	p.OnDiscard(func() { p.Fail(ErrDiscarded) })
	l.waiting = append(l.waiting, p)
	if !l.timer.Active() {
		l.wait()
	}
	return p.Future()
}

func (l *Limiter) wait() { l.timer = l.owner.Delay(l.next.Sub(l.owner.Now()), l.grant) }

// grant gives the permit that is due to the first who still wants it.
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
