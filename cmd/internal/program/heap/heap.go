// Package heap lets a busy process collect its garbage less often. A daemon to which thousands of peers come back only
// fills its memory for a second, and collections in that second find little: they took a fifth of a master's work.
//
// A process is busy if it collects twice within a second. Its heap may then grow to [Room] before it collects again, or to
// twice what is used, as always, if that is more. When it has become quiet, only the latter holds.
package heap

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Room is how many bytes the heap of a busy process may have, with its garbage. It is enough for 5,000 agents with 50,000 tasks.
const Room = 160 << 20

// normal is Go's own default of [debug.SetGCPercent].
const normal = 100

// busy is the time between two collections that are less than what a quiet process needs.
const busy = time.Second

// Tune begins to adapt how often the process collects garbage. It leaves alone what the user decided by GOGC or GOMEMLIMIT.
func Tune() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		t := &tuner{set: debug.SetGCPercent, live: live, percent: normal}
		t.watch()
	}
}

// tuner is told of every collection.
type tuner struct {
	set     func(percent int) int
	live    func() uint64
	last    time.Time // of the latest collection
	percent int
}

// canary is collected by every collection.
type canary struct{ _ *canary }

func (t *tuner) watch() {
	runtime.AddCleanup(&canary{}, func(t *tuner) {
		t.collected(time.Now())
		t.watch()
	}, t)
}

// collected adapts the percentage to what is used now, and to how long ago the previous collection was.
func (t *tuner) collected(now time.Time) {
	percent := normal
	if now.Sub(t.last) < busy {
		percent = bounded(t.live())
	}
	if t.last = now; percent != t.percent {
		t.percent = percent
		t.set(percent)
	}
}

// bounded returns the percentage at which a heap of which so many bytes are used grows to Room.
func bounded(live uint64) int {
	live = max(live, 1<<20)
	return int(max(Room*100/live, 100+normal) - 100)
}

// live returns the bytes that the latest collection found to be used.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return math.MaxUint64
	}
	return sample[0].Value.Uint64()
}
