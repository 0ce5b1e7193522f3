// Package heap lets a busy process collect its garbage less often. A daemon to which thousands of peers come back only
// fills its memory for a second, and collections in that second find little: they took a fifth of a master's work.
//
// A process is busy if it collects twice within a second. Its heap may then grow to [Room] before it collects again. One that
// needs more than that, or is quiet, may have half as much garbage as it uses, so that a master of 5,000 agents and 50,000 tasks
// never takes 250 MB: what is allocated while a collection of such a heap lasts counts as used until the next.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Room is how many bytes the heap of a busy process may have, with its garbage. It is enough for 5,000 agents that come back with
// 50,000 tasks.
const Room = 160 << 20

// normal is the percentage of [debug.SetGCPercent] for a process that is quiet, or large. Go's own default is 100.
const normal = 50

// minimum is what Go applies a percentage to if less than that is used, in bytes.
const minimum = 4 << 20

// busy is the time between two collections that are less than what a quiet process needs.
const busy = time.Second

// Tune begins to adapt how often the process collects garbage. It leaves alone what the user decided by GOGC or GOMEMLIMIT.
func Tune() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		t := &tuner{set: debug.SetGCPercent, used: used, percent: normal}
		t.set(t.percent)
		t.watch()
	}
}

// tuner is told of every collection.
type tuner struct {
	set     func(percent int) int
	used    func() use
	last    time.Time // of the latest collection
	percent int
}

// use is what the latest collection found to be used, in bytes.
type use struct {
	heap  uint64
	roots uint64 // stacks and global variables: the garbage that a percentage allows is in proportion to them, too
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
		percent = bounded(t.used())
	}
	if t.last = now; percent != t.percent {
		t.percent = percent
		t.set(percent)
	}
}

// bounded returns the percentage at which a heap of which so much is used grows to Room, and at least normal.
func bounded(u use) int {
	if u.heap >= Room {
		return normal
	}
	return max(normal, int((Room-u.heap)*100/max(u.heap+u.roots, minimum)))
}

// used returns what the latest collection found.
func used() use {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return use{heap: Room} // this version of Go does not say
		}
	}
	return use{heap: samples[0].Value.Uint64(), roots: samples[1].Value.Uint64() + samples[2].Value.Uint64()}
}
