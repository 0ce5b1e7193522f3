package heap

import (
	"runtime"
	"testing"
	"time"
)

const mb = 1 << 20

// A process that collects twice within a second may hold 128 MB of garbage; one that uses more than that, or is quiet, is left
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
		{busy - 1, 4 * mb, 3200},
		{time.Millisecond, 16 * mb, 800},
		{time.Millisecond, 32 * mb, 400},
		{time.Millisecond, 64 * mb, 200},
		{time.Millisecond, 128 * mb, 100},
		{time.Millisecond, 4000 * mb, 100},
		{time.Millisecond, 0, 12800},
		{busy, 64 * mb, 100}, // it is quiet again
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
