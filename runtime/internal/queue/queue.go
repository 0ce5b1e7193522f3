// Package queue is what an actor's events wait in: many put events in, and one takes them out, in order.
//
// The consumer takes over whole buffers that the producers filled and works through them without the lock. An idle queue may
// keep a small buffer; a busy one borrows large ones.
package queue

import (
	"sync"
	"sync/atomic"
)

// What buffers hold.
const (
	smallBuffer = 4
	largeBuffer = 64
)

// Buffers are the large buffers that queues of T lend each other. The zero value is ready.
type Buffers[T any] struct{ pool sync.Pool }

func (b *Buffers[T]) borrow() []T {
	if kept, ok := b.pool.Get().(*[largeBuffer]T); ok {
		return kept[:0]
	}
	return make([]T, 0, largeBuffer)
}

// recycle returns what may be kept of a consumed buffer by a queue that has nothing to do.
func (b *Buffers[T]) recycle(buffer []T) []T {
	if cap(buffer) <= smallBuffer {
		return buffer[:0]
	}
	if cap(buffer) == largeBuffer {
		b.pool.Put((*[largeBuffer]T)(buffer[:largeBuffer]))
	}
	return nil
}

// Queue is of things that wait for one consumer. The consumer is active from the Put that says so, or from Begin, until
// Next finds nothing. It alone calls Next, and its calls are one after the other. The zero Queue is idle and open.
type Queue[T any] struct {
	// What producers write, what is rarely used, and what the consumer writes: the first and the last are never in the same
	// cache line, wherever the queue is.
	mu     sync.Mutex
	active bool
	closed bool
	in     []T // producers append to it

	full    [][]T // in goes here when it is full; before in
	then    [][]T // the consumer's, after out
	buffers *Buffers[T]

	out []T // the consumer's, up to at consumed
	at  int

	left atomic.Int64 // what the consumer has told of how much waits in out and then
}

// Begin makes q active with first in it, before which nothing can be. It is called once, before anything else, and returns
// where first waits: the caller may change it until the consumer runs. q borrows from buffers.
func (q *Queue[T]) Begin(buffers *Buffers[T], first T) *T {
	q.buffers, q.active, q.out = buffers, true, append(q.out, first)
	return &q.out[0]
}

// Put appends *thing, and does not keep the pointer. It reports whether the consumer, which was idle, has to be woken, and
// false for ok if the queue is closed.
func (q *Queue[T]) Put(thing *T) (wake, ok bool) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false, false
	}
	if len(q.in) == cap(q.in) {
		q.grow()
	}
	q.in = append(q.in, *thing)
	wake = !q.active
	q.active = true
	q.mu.Unlock()
	return wake, true
}

// grow makes room in in. Small buffers are left to append.
func (q *Queue[T]) grow() {
	if len(q.in) >= smallBuffer {
		q.full = append(q.full, q.in)
		q.in = q.buffers.borrow()
	}
}

// Next returns the first thing, which stays in its buffer until the next call, or nil: then the consumer is idle.
func (q *Queue[T]) Next() *T {
	if q.at == len(q.out) && !q.refill() {
		return nil
	}
	thing := &q.out[q.at]
	q.at++
	return thing
}

// AtHand reports to the consumer whether Next finds something for certain, without asking producers.
func (q *Queue[T]) AtHand() bool { return q.at < len(q.out) || len(q.then) > 0 }

// refill takes over the next buffer. If there is none the consumer is idle.
func (q *Queue[T]) refill() bool {
	q.at = 0
	if len(q.then) > 0 {
		q.buffers.recycle(q.out)
		q.out, q.then[0] = q.then[0], nil
		q.then = q.then[1:]
		q.tell(0)
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.tell(0)
	switch {
	case len(q.full) > 0:
		q.buffers.recycle(q.out)
		q.out, q.then, q.full = q.full[0], q.full[1:], nil
	case len(q.in) > 0:
		q.in, q.out = q.out[:0], q.in
	default:
		q.in, q.out, q.then = q.buffers.recycle(q.in), q.buffers.recycle(q.out), nil
		q.active = false
		return false
	}
	return true
}

// Show is the consumer's: what Len says is exact until it calls Next again.
func (q *Queue[T]) Show() { q.tell(len(q.out) - q.at) }

// tell lets Len know what waits in then, whose buffers are large and full, and so much in out. Most often it has not changed.
func (q *Queue[T]) tell(out int) {
	if n := int64(out + len(q.then)*largeBuffer); q.left.Load() != n {
		q.left.Store(n)
	}
}

// Len is how many things wait. Any goroutine may ask. If the consumer does not Show its part, it is off by less than a large buffer.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := int(q.left.Load()) + len(q.in)
	for _, buffer := range q.full {
		n += len(buffer)
	}
	return n
}

// Idle reports whether nothing is to be taken out and the consumer rests.
func (q *Queue[T]) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.active
}

// Waiting yields what waits, in order, to the consumer. What producers add is locked meanwhile.
func (q *Queue[T]) Waiting(yield func(*T) bool) {
	if !each(q.out[q.at:], yield) || !eachOf(q.then, yield) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if eachOf(q.full, yield) {
		each(q.in, yield)
	}
}

func each[T any](things []T, yield func(*T) bool) bool {
	for i := range things {
		if !yield(&things[i]) {
			return false
		}
	}
	return true
}

func eachOf[T any](buffers [][]T, yield func(*T) bool) bool {
	for _, buffer := range buffers {
		if !each(buffer, yield) {
			return false
		}
	}
	return true
}

// Close refuses what comes from now on and returns what waited. It is the consumer's last call.
func (q *Queue[T]) Close() (waited []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	waited = append(waited, q.out[q.at:]...)
	for _, buffer := range append(q.then, q.full...) {
		waited = append(waited, buffer...)
	}
	waited = append(waited, q.in...)
	q.full, q.in, q.out, q.at, q.then = nil, nil, nil, 0, nil
	q.tell(0)
	return waited
}
