package runtime_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
)

// Many turns at once on real goroutines: each finds its own cause.
func TestCausesOnRealTime(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *runtime.Options) { o.TraceRing = 1 << 16 })
	var done sync.WaitGroup
	for i := range 16 {
		a, b := spawn(t, n, fmt.Sprintf("a%d", i), &scribe{}), spawn(t, n, fmt.Sprintf("b%d", i), &scribe{})
		for range 50 {
			done.Add(1)
			runtime.Tell(a, func(a *scribe) {
				work := runtime.Go(a, func(context.Context) (int, error) { return 1, nil })
				runtime.Await(a, work, func(int, error) {
					answer := runtime.Dispatch(b, func(b *scribe) int { return 2 })
					runtime.Await(a, answer, func(int, error) { a.Delay(0, done.Done) })
				})
			})
		}
	}
	done.Wait()
	events := map[runtime.EventID]runtime.Event{}
	for _, e := range n.Trace().Events() {
		events[e.ID] = e
	}
	timers := 0
	for _, e := range events {
		if e.Kind != runtime.EventDelay {
			continue
		}
		timers++
		if got, want := ancestry(events, e), "delay answer call answer work call"; got != want {
			t.Fatalf("a timer's ancestry is %q; want %q", got, want)
		}
	}
	if timers != 800 {
		t.Errorf("%d timers; want 800", timers)
	}
}

// ancestry names what led to e, the latest first, and fails to reach the root if two pairs of actors were confused.
func ancestry(events map[runtime.EventID]runtime.Event, e runtime.Event) string {
	pair := e.To.ID[1:]
	var words []string
	for ok := true; ok; e, ok = events[e.Cause] {
		if e.To.ID[1:] != pair {
			return "confused with " + e.To.ID
		}
		switch e.Kind {
		case runtime.EventDeliver:
			words = append(words, e.What.String())
		case runtime.EventDelay, runtime.EventWork:
			words = append(words, e.Kind.String())
		}
	}
	return strings.Join(words, " ")
}

func TestFilters(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := spawn(t, n, "scribe", &scribe{})
	lines(t, s)
	remove := n.Filter(func(a runtime.Arrival) bool {
		return a.Kind != runtime.OnMessage && !strings.HasSuffix(a.Name, "(*scribe).secret")
	})
	secret := runtime.Call(s, (*scribe).secret, 1)
	runtime.Tell(s, func(s *scribe) { s.Send(s.Self(), wrapperspb.String("lost")) })
	if _, err := wait(t, secret); err != runtime.ErrDiscarded {
		t.Errorf("the filtered call ended with %v", err)
	}
	lines(t, s)
	remove()
	runtime.Tell(s, func(s *scribe) { s.Send(s.Self(), wrapperspb.String("kept")) })
	lines(t, s)
	expect(t, lines(t, s), "initialize", "message kept")
}

func (s *scribe) secret(x int) int { return x }

func BenchmarkTraced(b *testing.B) {
	for _, size := range []int{0, 1 << 16} {
		b.Run(fmt.Sprint("ring", size), func(b *testing.B) {
			n := newNode(b)
			n.Trace().Record(size)
			s := spawn(b, n, "scribe", &scribe{})
			done := make(chan struct{})
			began := time.Now()
			for range b.N {
				runtime.Tell(s, func(*scribe) {})
			}
			runtime.Tell(s, func(*scribe) { close(done) })
			<-done
			b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(b.N), "ns/turn")
		})
	}
}

// The ids of what a node traces follow from its address and its seed, and count.
func TestEventIDsAreOfTheirNode(t *testing.T) {
	t.Parallel()
	var ids [3]runtime.EventID
	for i, seed := range []uint64{7, 7, 8} {
		n := newNode(t, func(o *runtime.Options) { o.Seed, o.TraceRing = seed, 10 })
		spawn(t, n, "a", &scribe{})
		ids[i] = n.Trace().Events()[0].ID
		if back, err := runtime.ParseEventID(ids[i].String()); back != ids[i] || err != nil || ids[i].Seq != 1 {
			t.Errorf("the first event is %s, read as %s, %v", ids[i], back, err)
		}
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("the first events of nodes with seeds 7, 7 and 8 are %v", ids)
	}
}

// looked is a clock on which a nanosecond passes whenever somebody looks.
type looked struct{ at atomic.Int64 }

func (c *looked) Now() time.Time                              { return time.Unix(0, c.at.Add(1)) }
func (c *looked) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// Of what a turn sends to other nodes the first messages have their own times, and of many more some, as within a node.
func TestTimesOfManyMessagesToOthers(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *runtime.Options) { o.Clock, o.TraceRing = &looked{}, 1000 })
	s := spawn(t, n, "scribe", &scribe{})
	wait(t, runtime.Dispatch(s, func(s *scribe) int {
		for range 100 {
			s.Send(runtime.PID{ID: "x", Addr: "127.0.0.1:9"}, wrapperspb.Bool(true))
		}
		return 0
	}))
	sent, times := 0, map[time.Time]bool{}
	for _, e := range n.Trace().Events() {
		if e.Kind == runtime.EventSend {
			sent++
			times[e.Time] = true
		}
	}
	if want := 8 + (100-8+7)/8; sent != 100 || len(times) != want {
		t.Errorf("%d messages were sent at %d times; want 100 at %d", sent, len(times), want)
	}
}

// A wire may tell when a message came, by the node's own time. While nothing is traced there is none.
func TestWhenMessagesCame(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *runtime.Options) { o.Clock = &looked{} })
	s := spawn(t, n, "scribe", &scribe{})
	if at := n.Moment(); at != 0 {
		t.Errorf("on a node that is not traced it is %d", at)
	}
	n.Trace().Record(1000)
	came := n.Moment()
	for _, at := range []int64{came, 0} {
		n.Deliver(runtime.Envelope{To: s.PID(), Name: "m", Came: at})
	}
	var times []int64
	for _, e := range n.Trace().Events() {
		if e.Kind == runtime.EventEnqueue {
			times = append(times, e.Time.UnixNano())
		}
	}
	if len(times) != 2 || times[0] != came || times[1] <= came {
		t.Errorf("what came at %d, and after it, was queued at %v", came, times)
	}
}
