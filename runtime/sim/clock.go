package sim

import (
	"container/heap"
	"math"
	"time"
)

// hostClock is the virtual clock as one node sees it: its timers die with it.
type hostClock host

// Now implements [runtime.Clock].
func (c *hostClock) Now() time.Time { return c.world.Now().Add(c.world.skew[c.addr]) }

// AfterFunc implements [runtime.Clock].
func (c *hostClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	t := c.world.after(d, f)
	t.host = (*host)(c)
	return func() bool { return c.world.due.remove(t) }
}

// after books f at d from now, or at the end of time if that is later.
func (w *World) after(d time.Duration, f func()) *timer {
	t := &timer{at: w.now + min(max(d, 0), math.MaxInt64-w.now), f: f}
	w.due.add(t)
	return t
}

// fire runs the first timer that is due at now and reports whether there was one.
func (w *World) fire(now time.Duration) bool {
	if next, ok := w.due.next(); !ok || next > now {
		return false
	}
	t := heap.Pop(&w.due.heap).(*timer)
	switch {
	case t.host == nil:
		t.f()
	case t.host.dead:
	case t.host.paused:
		t.host.late = append(t.host.late, t)
	default:
		t.f()
	}
	return true
}

// timer is something that happens at an instant. host, if set, must be alive then.
type timer struct {
	at    time.Duration
	seq   uint64
	host  *host
	f     func()
	index int // in the heap; -1 when it is not there
}

// timers is a queue ordered by time and, within an instant, by booking.
type timers struct {
	heap timerHeap
	seq  uint64
}

func (q *timers) add(t *timer) {
	q.seq++
	t.seq = q.seq
	heap.Push(&q.heap, t)
}

func (q *timers) remove(t *timer) bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(&q.heap, t.index)
	return true
}

func (q *timers) next() (time.Duration, bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	last := len(old) - 1
	t := old[last]
	old[last], t.index = nil, -1
	*h = old[:last]
	return t
}
