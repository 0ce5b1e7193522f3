package runtime_test

import (
	"fmt"
	"io"
	"log/slog"
	goruntime "runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
)

// scenario moves n messages and returns how long that took.
type scenario func(b *testing.B, n int) time.Duration

// BenchmarkAgainstProtoactor runs the same conversations on our runtime and on stock protoactor-go, turn and turn about,
// so that a noisy machine is noisy for both. It reports the medians per message and their ratio.
func BenchmarkAgainstProtoactor(b *testing.B) {
	for _, c := range []struct {
		name        string
		n           int
		goal        float64
		ours, stock scenario
	}{
		{"Tell", 500_000, 0.8, tell, stockTell},
		{"PingPong", 50_000, 0.1, pairs(1), stockPairs(1)},
		{"PingPong64Pairs", 200_000, 0.3, pairs(64), stockPairs(64)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ours, stock []float64
			for b.Loop() {
				ours = append(ours, float64(c.ours(b, c.n))/float64(c.n))
				stock = append(stock, float64(c.stock(b, c.n))/float64(c.n))
			}
			x, y := median(ours), median(stock)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(x, "ns/ours")
			b.ReportMetric(y, "ns/stock")
			b.ReportMetric(x/y, "ratio")
			b.ReportMetric(c.goal, "goal")
		})
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// BenchmarkTell is one actor sending to another as fast as it can.
func BenchmarkTell(b *testing.B) {
	b.ReportAllocs()
	tell(b, b.N)
}

// BenchmarkTellTraced is BenchmarkTell with 65,536 events remembered, as where an operator asks /trace for them.
func BenchmarkTellTraced(b *testing.B) {
	b.ReportAllocs()
	tellOn(b, newNode(b, func(o *runtime.Options) { o.TraceRing = 65536 }), b.N)
}

// BenchmarkTellChecked is BenchmarkTell with a message that has required fields, so that each is checked when it is sent.
func BenchmarkTellChecked(b *testing.B) {
	b.ReportAllocs()
	m := &descriptorpb.UninterpretedOption_NamePart{NamePart: proto.String("name"), IsExtension: proto.Bool(true)}
	sendOn(b, newNode(b), b.N, m)
}

// counter calls done after n messages.
type counter struct {
	runtime.Actor
	n    int
	done chan struct{}
}

func (c *counter) Initialize() {
	runtime.Install(c, func(runtime.PID, *emptypb.Empty) { c.count() })
	runtime.Install(c, func(runtime.PID, *descriptorpb.UninterpretedOption_NamePart) { c.count() })
}

func (c *counter) count() {
	if c.n--; c.n == 0 {
		close(c.done)
	}
}

// idle does nothing by itself.
type idle struct{ runtime.Actor }

func tell(b *testing.B, n int) time.Duration {
	return tellOn(b, newNode(b), n)
}

func tellOn(b *testing.B, node *runtime.Node, n int) time.Duration {
	return sendOn(b, node, n, &emptypb.Empty{})
}

// sendOn sends m n times from one actor to another.
func sendOn(b *testing.B, node *runtime.Node, n int, m proto.Message) time.Duration {
	c := &counter{n: n, done: make(chan struct{})}
	to := spawn(b, node, "counter", c).PID()
	from := spawn(b, node, "sender", &idle{})
	began := time.Now()
	runtime.Tell(from, func(a *idle) {
		for range n {
			a.Send(to, m)
		}
	})
	<-c.done
	return time.Since(began)
}

// pinger keeps window messages on their way until n have come back.
type pinger struct {
	runtime.Actor
	to                runtime.PID
	window, sent, got int
	n                 int
	done              *sync.WaitGroup
}

func (p *pinger) Initialize() { runtime.Install(p, p.pong) }

func (p *pinger) start() {
	for p.sent < min(p.window, p.n) {
		p.ping()
	}
}

var empty = &emptypb.Empty{}

func (p *pinger) ping() {
	p.sent++
	p.Send(p.to, empty)
}

func (p *pinger) pong(runtime.PID, *emptypb.Empty) {
	if p.got++; p.got == p.n {
		p.done.Done()
	} else if p.sent < p.n {
		p.ping()
	}
}

type ponger struct{ runtime.Actor }

func (p *ponger) Initialize() {
	runtime.Install(p, func(_ runtime.PID, m *emptypb.Empty) { p.Reply(m) })
}

// pingPong lets every pinger talk with a ponger of its own, or all with one.
func pingPong(b *testing.B, n, pingers, window int, shared bool) time.Duration {
	node := newNode(b)
	var done sync.WaitGroup
	var refs []runtime.Ref[*pinger]
	var to runtime.PID
	for i := range pingers {
		if i == 0 || !shared {
			to = spawn(b, node, fmt.Sprint("pong", i), &ponger{}).PID()
		}
		p := &pinger{to: to, window: window, n: n / pingers, done: &done}
		done.Add(1)
		refs = append(refs, spawn(b, node, fmt.Sprint("ping", i), p))
	}
	began := time.Now()
	for _, ref := range refs {
		runtime.Tell(ref, (*pinger).start)
	}
	done.Wait()
	return time.Since(began)
}

func pairs(count int) scenario {
	return func(b *testing.B, n int) time.Duration { return pingPong(b, n, count, 1, false) }
}

// ---- the same on stock protoactor-go ----

func newStock() *actor.ActorSystem {
	silent := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	return actor.NewActorSystem(actor.WithLoggerFactory(silent))
}

func stockTell(_ *testing.B, n int) time.Duration {
	system := newStock()
	defer system.Shutdown()
	done := make(chan struct{})
	left := n
	counter := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*emptypb.Empty); ok {
			if left--; left == 0 {
				close(done)
			}
		}
	}))
	sender := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*wrapperspb.BoolValue); ok {
			for range n {
				c.Send(counter, empty)
			}
		}
	}))
	began := time.Now()
	system.Root.Send(sender, wrapperspb.Bool(true))
	<-done
	return time.Since(began)
}

func stockPairs(count int) scenario {
	return func(_ *testing.B, n int) time.Duration {
		system := newStock()
		defer system.Shutdown()
		var done sync.WaitGroup
		var starts []*actor.PID
		for range count {
			pong := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
				if m, ok := c.Message().(*emptypb.Empty); ok {
					c.Send(c.Sender(), m)
				}
			}))
			left := n / count
			done.Add(1)
			starts = append(starts, system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
				switch c.Message().(type) {
				case *wrapperspb.BoolValue:
					c.Request(pong, empty)
				case *emptypb.Empty:
					if left--; left > 0 {
						c.Request(pong, empty)
					} else {
						done.Done()
					}
				}
			})))
		}
		began := time.Now()
		for _, pid := range starts {
			system.Root.Send(pid, wrapperspb.Bool(true))
		}
		done.Wait()
		return time.Since(began)
	}
}

// ---- libprocess's own four (Mesos: 3rdparty/libprocess/src/tests/benchmarks.cpp) ----

// Eight clients with 250 requests under way each. C++ libprocess on such a machine: 0.57–0.86 M/s.
func BenchmarkClientServer(b *testing.B) {
	b.ReportAllocs()
	took := pingPong(b, max(b.N, 8), 8, 250, true)
	b.ReportMetric(float64(b.N)/took.Seconds()/1e6, "Mrpc/s")
}

// Eight pairs with 1,000 messages under way each. C++ libprocess on such a machine: 3.0–3.7 M/s.
func BenchmarkThroughputPerformance(b *testing.B) {
	b.ReportAllocs()
	took := pingPong(b, max(b.N, 8), 8, 1000, false)
	b.ReportMetric(float64(b.N)/took.Seconds()/1e6, "Mpingpong/s")
}

// looper dispatches to itself and continues when that is done, n times.
type looper struct {
	runtime.Actor
	self runtime.Ref[*looper]
	n    int
	done chan struct{}
}

func (l *looper) handle(data []int) {
	if l.n--; l.n <= 0 {
		close(l.done)
		return
	}
	runtime.Await(l, runtime.Dispatch(l.self, (*looper).nothing), func(struct{}, error) { l.handle(data) })
}

func (l *looper) nothing() struct{} { return struct{}{} }

// One round is a dispatch and its continuation. C++ libprocess on such a machine: 3.7–5.3 µs, of which some is copying
// the argument, which ours does not need to do.
func BenchmarkDispatchDefer(b *testing.B) {
	b.ReportAllocs()
	node := newNode(b)
	l := &looper{n: b.N, done: make(chan struct{})}
	l.self = spawn(b, node, "looper", l)
	data := make([]int, 10240)
	b.ResetTimer()
	runtime.Tell(l.self, func(l *looper) { l.handle(data) })
	<-l.done
}

// linker links to another actor.
type linker struct {
	runtime.Actor
	to runtime.PID
}

func (l *linker) Initialize() { l.Link(l.to) }

// With 5,000 links in place, 10,000 actors come, are called once, and go. C++ libprocess on such a machine:
// 0.13–0.47 s.
func BenchmarkLargeNumberOfLinks(b *testing.B) {
	node := newNode(b)
	for i := range 5000 {
		linkee := spawn(b, node, fmt.Sprint("linkee", i), &idle{})
		spawn(b, node, fmt.Sprint("linker", i), &linker{to: linkee.PID()})
	}
	for b.Loop() {
		var all []runtime.PID
		for i := range 10_000 {
			ref := spawn(b, node, fmt.Sprint("ephemeral", i), &idle{})
			runtime.Tell(ref, func(a *idle) { a.Terminate() })
			all = append(all, ref.PID())
		}
		for _, pid := range all {
			if err := node.Wait(b.Context(), pid); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// An idle actor is one that has started, has a handler, and has handled something. It is to take less than 1 KiB.
func BenchmarkIdleActor(b *testing.B) {
	const count = 100_000
	node := newNode(b)
	probe := &counter{n: count, done: make(chan struct{})}
	collector := spawn(b, node, "collector", probe)
	before := heap()
	actors := make([]*visited, count)
	for i := range actors {
		actors[i] = &visited{tell: collector.PID()}
		spawn(b, node, fmt.Sprint("a", i), actors[i])
	}
	<-probe.done
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(heap()-before)/count, "B/actor")
	goruntime.KeepAlive(actors)
}

// visited has a handler, was called twice, and is idle.
type visited struct {
	runtime.Actor
	tell runtime.PID
}

func (v *visited) Initialize() {
	runtime.Install(v, func(runtime.PID, *emptypb.Empty) { v.Send(v.tell, empty) })
	runtime.Tell(runtime.RefOf(v), func(v *visited) { v.Send(v.Self(), empty) })
}

func heap() uint64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
