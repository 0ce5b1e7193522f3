//go:build unix

package trace_test

import (
	goruntime "runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// heap counts messages.
type heap struct {
	runtime.Actor
	left int
	done chan struct{}
}

func (h *heap) Initialize() {
	runtime.Install(h, func(runtime.PID, *emptypb.Empty) {
		if h.left--; h.left == 0 {
			close(h.done)
		}
	})
}

// used is the time of processors that the process has used. Unlike the time of the day it does not grow with what else runs.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// told is what messages between two actors of a node cost: nanoseconds of a processor, and allocations. What the node before has
// left to the garbage collector is not of it.
func told(b *testing.B, n *runtime.Node, messages int) (ns, allocations float64) {
	goruntime.GC()
	done := make(chan struct{})
	to := runtimetest.Spawn(b, n, n.NewID("heap"), &heap{left: messages, done: done}).PID()
	from := runtimetest.Spawn(b, n, n.NewID("shovel"), &silent{})
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	began := used(b)
	runtime.Tell(from, func(s *silent) {
		for range messages {
			s.Send(to, &emptypb.Empty{})
		}
	})
	<-done
	took := used(b) - began
	goruntime.ReadMemStats(&after)
	return float64(took.Nanoseconds()) / float64(messages), float64(after.Mallocs-before.Mallocs) / float64(messages)
}

// BenchmarkRing tells messages on nodes that were never traced, that remember what happens, and that have stopped to, turn and
// turn about, each of them first as often as the others. A message is three events: that it was sent, that it was queued, and that
// its turn began.
func BenchmarkRing(b *testing.B) {
	const messages, events = 300_000, 3
	record := func(size int) func(*runtime.Options) { return func(o *runtime.Options) { o.TraceRing = size } }
	plain, traced, stopped := runtimetest.Node(b, record(0)), runtimetest.Node(b, record(16384)), runtimetest.Node(b, record(16384))
	told(b, stopped, messages)
	stopped.Trace().Record(0)
	ns, allocations := map[*runtime.Node][]float64{}, map[*runtime.Node][]float64{}
	nodes := []*runtime.Node{plain, traced, stopped}
	for round := 0; b.Loop(); round++ {
		for i := range nodes {
			n := nodes[(i+round)%len(nodes)]
			took, made := told(b, n, messages)
			ns[n], allocations[n] = append(ns[n], took), append(allocations[n], made)
		}
	}
	median := func(x []float64) float64 {
		slices.Sort(x)
		return x[len(x)/2]
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ns[plain]), "ns/plain")
	b.ReportMetric(median(ns[stopped]), "ns/stopped")
	b.ReportMetric((median(ns[traced])-median(ns[plain]))/events, "ns/event")
	b.ReportMetric((median(allocations[traced])-median(allocations[plain]))/events, "allocs/event")
}
