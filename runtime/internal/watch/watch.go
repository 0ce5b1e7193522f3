// Package watch reads a clock for traces, which note the time of every event.
package watch

import (
	"sync/atomic"
	"time"
)

// Watch tells the time of one clock. The system's it reads at half the cost, and Adjust follows its steps. Start comes first; then
// the other methods may be called from any goroutine.
type Watch struct {
	clock  Clock        // nil: the system's
	began  time.Time    // of the system's
	offset atomic.Int64 // the nanoseconds from 1970 to began
}

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Start makes w tell the time of clock; nil is the system's.
func (w *Watch) Start(clock Clock) {
	w.clock, w.began = clock, time.Now()
	w.Adjust()
}

// Now is in nanoseconds since 1970.
func (w *Watch) Now() int64 {
	if w.clock != nil {
		return w.clock.Now().UnixNano()
	}
	return w.offset.Load() + int64(time.Since(w.began))
}

// Adjust is to be called now and then, because the system's clock may be set.
func (w *Watch) Adjust() {
	now := time.Now()
	w.offset.Store(now.UnixNano() - int64(now.Sub(w.began)))
}
