//go:build unix

package trace_test

import (
	"math/rand/v2"
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

// BenchmarkRing tells messages on a node that remembers what happens, and on pairs of which one was never traced and one has stopped
// to be, in many short rounds. In each their order is drawn, because what one leaves in caches and to the garbage collector the next
// pays for, and there are several pairs, because where a node's memory lies makes some percent. What it costs to have stopped is
// compared pair by pair. A message is three events: that it was sent, that it was queued, and that its turn began.
func BenchmarkRing(b *testing.B) {
	const messages, pairs, events = 60_000, 4, 3
	record := func(size int) func(*runtime.Options) { return func(o *runtime.Options) { o.TraceRing = size } }
	nodes := []*runtime.Node{runtimetest.Node(b, record(16384))}
	for i := range 2 * pairs {
		n := runtimetest.Node(b, record(i%2*16384))
		told(b, n, messages)
		n.Trace().Record(0)
		nodes = append(nodes, n)
	}
	var traced, plain, made, madePlain, ratios []float64
	order := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		var took, allocations [2*pairs + 1]float64
		for _, i := range order.Perm(len(nodes)) {
			took[i], allocations[i] = told(b, nodes[i], messages)
		}
		traced, made = append(traced, took[0]), append(made, allocations[0])
		for i := 1; i < len(nodes); i += 2 {
			plain, madePlain = append(plain, took[i]), append(madePlain, allocations[i])
			ratios = append(ratios, took[i+1]/took[i])
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(plain), "ns/plain")
	b.ReportMetric(median(ratios), "stopped/plain")
	b.ReportMetric((median(traced)-median(plain))/events, "ns/event")
	b.ReportMetric((median(made)-median(madePlain))/events, "allocs/event")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
