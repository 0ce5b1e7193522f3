package heap

import (
	"runtime"
	"testing"
	"time"
)

const mb = 1 << 20

// The heap of a process that collects twice within a second may grow to 160 MB; one that needs more than that, or is quiet, is left
// to the default.
func TestABusyProcessCollectsLessOften(t *testing.T) {
	t.Parallel()
	got, now := normal, time.Unix(1000, 0)
	tuner := &tuner{percent: normal, set: func(percent int) int { got = percent; return 0 }}
	for _, c := range []struct {
		after time.Duration // since the collection before
		live  uint64
		want  int
	}{
		{0, 4 * mb, 100}, // the first
		{time.Minute, 4 * mb, 100},
		{busy - 1, 4 * mb, 3900},
		{time.Millisecond, 16 * mb, 900},
		{time.Millisecond, 40 * mb, 300},
		{time.Millisecond, 80 * mb, 100},
		{time.Millisecond, 4000 * mb, 100},
		{time.Millisecond, 0, 15900},
		{busy, 40 * mb, 100}, // it is quiet again
	} {
		now = now.Add(c.after)
		tuner.live = func() uint64 { return c.live }
		tuner.collected(now)
		if got != c.want {
			t.Errorf("with %d MB used, %v after the collection before, the percentage is %d, want %d", c.live/mb, c.after, got, c.want)
		}
	}
}

// What is tuned is really told of collections.
func TestCollectionsAreNoticed(t *testing.T) {
	noticed := make(chan struct{}, 1)
	tuner := &tuner{percent: normal, live: live, set: func(int) int {
		select {
		case noticed <- struct{}{}:
		default:
		}
		return 0
	}}
	tuner.watch()
	for t.Context().Err() == nil {
		runtime.GC()
		select {
		case <-noticed:
			return
		default:
			runtime.Gosched()
		}
	}
}
