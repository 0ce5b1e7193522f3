package workers

import (
	"sync"
	"sync/atomic"
)

// maxHalf bounds what a worker takes from another line at once.
const maxHalf = 32

// line is where tasks wait for the workers that stand at it. No two lines share a cache line.
type line struct {
	mu       sync.Mutex
	due      ring
	length   atomic.Int32 // of due, for those who do not hold mu
	standing atomic.Int32 // workers
	_        [72]byte
}

func (l *line) push(t Task) {
	l.mu.Lock()
	l.due.push(t)
	l.length.Store(int32(l.due.len()))
	l.mu.Unlock()
}

// pop takes out the first task, or returns nil.
func (l *line) pop() Task {
	if l.length.Load() == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due.len() == 0 {
		return nil
	}
	t := l.due.pop()
	l.length.Store(int32(l.due.len()))
	return t
}

// takeHalf moves the first half of what waits in from to l, but for the first one, which it returns, or nil if there is none.
func (l *line) takeHalf(from *line) (first Task) {
	if from.length.Load() == 0 {
		return nil
	}
	first, rest := from.popHalf()
	if len(rest) > 0 {
		l.mu.Lock()
		for _, t := range rest {
			l.due.push(t)
		}
		l.length.Store(int32(l.due.len()))
		l.mu.Unlock()
	}
	return first
}

// popHalf takes out the first half of what waits.
func (l *line) popHalf() (first Task, rest []Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	half := min(maxHalf, (l.due.len()+1)/2)
	if half == 0 {
		return nil, nil
	}
	first = l.due.pop()
	for range half - 1 {
		rest = append(rest, l.due.pop())
	}
	l.length.Store(int32(l.due.len()))
	return first, rest
}

// ring is a queue of tasks. Its capacity is 0 or a power of two.
type ring struct {
	room     []Task
	from, to uint // of what is in it, modulo the room
}

// maxRoom bounds the capacity that is kept while nothing is due.
const maxRoom = 1024

func (r *ring) len() int { return int(r.to - r.from) }

func (r *ring) push(t Task) {
	if r.len() == len(r.room) {
		r.grow()
	}
	r.room[r.to&uint(len(r.room)-1)] = t
	r.to++
}

// pop takes out the first. There is one.
func (r *ring) pop() Task {
	first := &r.room[r.from&uint(len(r.room)-1)]
	t := *first
	*first = nil
	if r.from++; r.len() == 0 && len(r.room) > maxRoom {
		r.room = nil
	}
	return t
}

// grow doubles the capacity.
func (r *ring) grow() {
	room := make([]Task, max(16, 2*len(r.room)))
	n := copy(room, r.room[r.from&uint(max(1, len(r.room))-1):])
	copy(room[n:], r.room[:len(r.room)-n])
	r.room, r.from, r.to = room, 0, uint(r.len())
}
