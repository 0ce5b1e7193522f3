package heap

import (
	"runtime"
	"testing"
	"time"
)

const mb = 1 << 20

// The heap of a process that collects twice within a second may grow to 160 MB; one that needs more than that, or is quiet, may have
// half as much garbage as it uses.
func TestABusyProcessCollectsLessOften(t *testing.T) {
	t.Parallel()
	got, now := normal, time.Unix(1000, 0)
	tuner := &tuner{percent: normal, set: func(percent int) int { got = percent; return 0 }}
	for _, c := range []struct {
		after time.Duration // since the collection before
		used  use
		want  int
	}{
		{0, use{heap: 4 * mb}, 50}, // the first
		{time.Minute, use{heap: 4 * mb}, 50},
		{busy - 1, use{heap: 4 * mb}, 3900},
		{time.Millisecond, use{heap: 16 * mb}, 900},
		{time.Millisecond, use{heap: 16 * mb, roots: 8 * mb}, 600},
		{time.Millisecond, use{heap: 40 * mb}, 300},
		{time.Millisecond, use{heap: 80 * mb}, 100},
		{time.Millisecond, use{heap: 100 * mb}, 60},
		{time.Millisecond, use{heap: 4000 * mb}, 50},
		{time.Millisecond, use{}, 4000},
		{busy, use{heap: 40 * mb}, 50}, // it is quiet again
	} {
		now = now.Add(c.after)
		tuner.used = func() use { return c.used }
		tuner.collected(now)
		if got != c.want {
			t.Errorf("with %d MB and %d MB of roots used, %v after the collection before, the percentage is %d, want %d",
				c.used.heap/mb, c.used.roots/mb, c.after, got, c.want)
		}
	}
}

// The percentage is in proportion to the heap and to the roots, so that the heap grows to Room, whatever the stacks are.
func TestTheHeapGrowsToRoom(t *testing.T) {
	for _, roots := range []uint64{0, 2 * mb, 20 * mb} {
		u := use{heap: 10 * mb, roots: roots}
		if goal := u.heap + (u.heap+u.roots)*uint64(bounded(u))/100; goal > Room || goal < Room-mb {
			t.Errorf("with %d MB of roots the heap grows to %d MB, want %d MB", roots/mb, goal/mb, Room/mb)
		}
	}
}

// What the runtime says of itself is what is asked for.
func TestUse(t *testing.T) {
	runtime.GC()
	if u := used(); u.heap == 0 || u.heap >= Room || u.roots == 0 || u.roots >= Room {
		t.Errorf("%d bytes of heap and %d of roots are used", u.heap, u.roots)
	}
}

// What is tuned is really told of collections.
func TestCollectionsAreNoticed(t *testing.T) {
	noticed := make(chan struct{}, 1)
	tuner := &tuner{percent: normal, used: used, set: func(int) int {
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
