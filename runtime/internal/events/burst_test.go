package events_test

import (
	"testing"
	"time"

	"meseta/runtime/internal/events"
	"meseta/runtime/internal/watch"
)

// ticking is a clock on which a nanosecond passes whenever somebody looks.
type ticking struct{ looks int64 }

func (c *ticking) Now() time.Time {
	c.looks++
	return time.Unix(0, c.looks)
}

// The first messages of a turn have their own times, and of many more each has that of one of the seven before it or its own. Time
// never goes back, and the next turn begins anew.
func TestTimesOfBursts(t *testing.T) {
	t.Parallel()
	clock := &ticking{}
	var w watch.Watch
	w.Start(clock)
	var b events.Burst
	for turn := range 3 {
		b.Begin()
		last := clock.looks
		for i := range 100 {
			before := clock.looks
			got := b.Now(&w)
			if looked := clock.looks > before; looked != (i < 8 || i%8 == 0) || looked && got != clock.looks || !looked && got != last {
				t.Fatalf("message %d of turn %d was sent at %d, after %d, on %d looks", i, turn, got, last, clock.looks)
			}
			last = got
		}
	}
}
