// Package workers runs actors and blocking work on goroutines that are parked when they have nothing to do and reused, the
// latest first. A new goroutine for every activation would spend most of its time growing its stack; a fixed number of
// goroutines would deadlock when handlers block. With this an actor that blocks costs one goroutine.
package workers

import "sync"

// Task is something that has turns to take.
type Task interface {
	// Run takes at most max turns (0: all there are) and reports whether more are due; then it must be called again.
	Run(max int) (more bool)
}

// maxIdle bounds the goroutines that are kept for later.
const maxIdle = 256

// Pool runs tasks. The zero Pool is ready.
type Pool struct {
	mu     sync.Mutex
	idle   []*worker
	closed bool
}

type worker struct{ tasks chan Task }

// Schedule runs t soon, never on the goroutine of the caller.
func (p *Pool) Schedule(t Task) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		w := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		w.tasks <- t
		return
	}
	p.mu.Unlock()
	w := &worker{tasks: make(chan Task, 1)}
	go w.work(p, t)
}

// Go runs blocking work.
func (p *Pool) Go(work func()) { p.Schedule(job(work)) }

// work runs t and then what else comes, until p has no use for w.
func (w *worker) work(p *Pool, t Task) {
	for t != nil {
		for t.Run(0) {
		}
		if !p.park(w) {
			return
		}
		t = <-w.tasks
	}
}

func (p *Pool) park(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, w)
	return true
}

// Close lets the parked goroutines go; those at work follow when they are done. What is scheduled later still runs.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, w := range idle {
		w.tasks <- nil
	}
}

// job is blocking work as a task.
type job func()

// Run implements [Task].
func (j job) Run(int) (more bool) {
	j()
	return false
}
