package runtime

import (
	"sync/atomic"
	"time"
)

// Clock is a node's only source of time.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f once after d. f must not block. stop reports whether it kept f from running.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }
func (realClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}

// watch reads a clock for traces. The real one it reads at half the cost, and adjusts to steps of the system's clock.
type watch struct {
	clock  Clock
	began  time.Time    // zero: clock is not the real one
	offset atomic.Int64 // the nanoseconds from 1970 to began
}

func (w *watch) start(c Clock) {
	w.clock = c
	if _, real := c.(realClock); real {
		w.began = time.Now()
		w.adjust()
	}
}

// now is in nanoseconds since 1970.
func (w *watch) now() int64 {
	if w.began.IsZero() {
		return w.clock.Now().UnixNano()
	}
	return w.offset.Load() + int64(time.Since(w.began))
}

// adjust is to be called now and then.
func (w *watch) adjust() {
	if !w.began.IsZero() {
		now := time.Now()
		w.offset.Store(now.UnixNano() - int64(now.Sub(w.began)))
	}
}
