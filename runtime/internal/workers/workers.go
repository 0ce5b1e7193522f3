// Package workers runs actors and blocking work on goroutines that are parked when they have nothing to do and reused, the
// latest first. A new goroutine for every activation would spend most of its time growing its stack; a fixed number of
// goroutines would deadlock when handlers block. With this an actor that blocks costs one goroutine.
//
// A goroutine that has finished a task continues with the next one that is due, and none is woken for it. So that no task waits
// for one that blocks, a goroutine is on its way whenever a task is due: it takes one and calls a successor for what is left.
package workers

import (
	"runtime"
	"sync"
)

// Task is something that has turns to take.
type Task interface {
	// Run takes at most max turns (0: all there are) and reports whether more are due; then it must be called again.
	Run(max int) (more bool)
}

// maxIdle bounds the goroutines that are kept for later.
const maxIdle = 256

// maxRow bounds the tasks that a goroutine runs before it lets the program's others run.
const maxRow = 64

// Pool runs tasks. The zero Pool is ready.
type Pool struct {
	mu     sync.Mutex
	due    line
	coming bool // a worker is on its way; always while a task is due
	idle   []*worker
	closed bool
}

type worker struct{ call chan struct{} }

// Schedule runs t soon, never on the goroutine of the caller while that is in a task.
func (p *Pool) Schedule(t Task) {
	p.mu.Lock()
	p.due.push(t)
	p.unlock()
}

// Go runs blocking work.
func (p *Pool) Go(work func()) { p.Schedule(job(work)) }

// unlock calls a worker if one is needed.
func (p *Pool) unlock() {
	if p.coming || p.due.len() == 0 {
		p.mu.Unlock()
		return
	}
	p.coming = true
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		go p.work(&worker{call: make(chan struct{}, 1)})
		return
	}
	w := p.idle[last]
	p.idle = p.idle[:last]
	p.mu.Unlock()
	w.call <- struct{}{}
}

// work runs tasks, having been called, until p has no use for w.
func (p *Pool) work(w *worker) {
	called := true
	for row := 1; ; row++ {
		t, rest := p.next(w, called)
		switch {
		case t != nil:
			run(t)
			called = false
		case rest:
			if _, called = <-w.call; !called {
				return
			}
		default:
			return
		}
		if row%maxRow == 0 {
			runtime.Gosched()
		}
	}
}

func run(t Task) {
	for t.Run(0) {
	}
}

// next is what w does next: the first task that is due, or, if there is none, rest until it is called, or end.
func (p *Pool) next(w *worker, called bool) (t Task, rest bool) {
	p.mu.Lock()
	defer p.unlock()
	if called {
		p.coming = false
	}
	if p.due.len() > 0 {
		return p.due.pop(), false
	}
	rest = !p.closed && len(p.idle) < maxIdle
	if rest {
		p.idle = append(p.idle, w)
	}
	return nil, rest
}

// Close lets the parked goroutines go; those at work follow when they are done. What is scheduled later still runs.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, w := range idle {
		close(w.call)
	}
}

// line is a queue of tasks. Its capacity is 0 or a power of two.
type line struct {
	room     []Task
	from, to uint // of what is in it, modulo the room
}

// maxRoom bounds the capacity that is kept while nothing is due.
const maxRoom = 1024

func (l *line) len() int { return int(l.to - l.from) }

func (l *line) push(t Task) {
	if l.len() == len(l.room) {
		l.grow()
	}
	l.room[l.to&uint(len(l.room)-1)] = t
	l.to++
}

// pop takes out the first. There is one.
func (l *line) pop() Task {
	first := &l.room[l.from&uint(len(l.room)-1)]
	t := *first
	*first = nil
	if l.from++; l.len() == 0 && len(l.room) > maxRoom {
		l.room = nil
	}
	return t
}

// grow doubles the capacity.
func (l *line) grow() {
	room := make([]Task, max(16, 2*len(l.room)))
	n := copy(room, l.room[l.from&uint(max(1, len(l.room))-1):])
	copy(room[n:], l.room[:len(l.room)-n])
	l.room, l.from, l.to = room, 0, uint(l.len())
}

// job is blocking work as a task.
type job func()

// Run implements [Task].
func (j job) Run(int) (more bool) {
	j()
	return false
}
