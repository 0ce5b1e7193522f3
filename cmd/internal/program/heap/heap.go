// Package heap lets a busy process collect its garbage less often. A daemon to which thousands of peers come back only
// fills its memory for a second, and collections in that second find little: they took a fifth of a master's work.
//
// A process is busy if it collects twice within a second. Its heap may then hold up to [Spare] bytes more than what is used,
// or as much again as is used, as always, if that is more. When it has become quiet, garbage is bounded as by default.
package heap

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Spare is how many bytes of garbage a busy process may hold.
const Spare = 128 << 20

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

// bounded returns the percentage at which a heap of which so many bytes are used holds Spare bytes of garbage.
func bounded(live uint64) int {
	return int(max(Spare*100/max(live, 1<<20), normal))
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
