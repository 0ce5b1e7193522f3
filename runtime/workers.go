package runtime

import "sync"

// maxIdleWorkers bounds the goroutines that are kept for later.
const maxIdleWorkers = 256

// workers is the default [Scheduler]: goroutines that are parked when they have nothing to do and reused, the latest
// first. A new goroutine for every activation would spend most of its time growing its stack; a fixed number of
// goroutines would deadlock when handlers block. With this an actor that blocks costs one goroutine.
type workers struct {
	mu     sync.Mutex
	idle   []*worker
	closed bool
}

type worker struct{ tasks chan Task }

// Schedule implements [Scheduler].
func (p *workers) Schedule(t Task) {
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

// Go implements [Scheduler].
func (p *workers) Go(work func()) { p.Schedule(job(work)) }

// work runs t and then what else comes, until the pool has no use for w.
func (w *worker) work(p *workers, t Task) {
	for t != nil {
		for t.Run(0) {
		}
		if !p.park(w) {
			return
		}
		t = <-w.tasks
	}
}

func (p *workers) park(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdleWorkers {
		return false
	}
	p.idle = append(p.idle, w)
	return true
}

// close lets the parked goroutines go; those at work follow when they are done.
func (p *workers) close() {
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
