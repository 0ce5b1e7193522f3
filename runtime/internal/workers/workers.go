// Package workers runs actors and blocking work on goroutines that are parked when they have nothing to do and reused, the
// latest first. A new goroutine for every activation would spend most of its time growing its stack; a fixed number of
// goroutines would deadlock when handlers block. With this an actor that blocks costs one goroutine.
//
// Tasks wait in lines, one for each processor up to a bound, at which workers stand. What a task makes due joins the line in
// which that task was, so that actors that talk with each other stay on one processor, with all that they share in its cache. A
// worker whose line is empty takes half of another one.
//
// A worker that has finished a task continues with the next one that is due, and none is woken for it. So that no task waits
// for one that blocks, a worker is on its way whenever a task is due: it takes one and calls a successor for what is left.
package workers

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is something that has turns to take.
type Task interface {
	// Run takes at most max turns (0: all there are) and reports whether more are due; then it must be called again. It is
	// told the line in which the task was, for what it makes due.
	Run(line uint32, max int) (more bool)
}

const (
	// maxIdle bounds the goroutines that are kept for later.
	maxIdle = 256
	// maxRow bounds the tasks that a goroutine runs before it lets the program's others run.
	maxRow = 64
	// maxLines bounds the lines. Whoever looks for a task looks at all of them.
	maxLines = 16
)

// Pool runs tasks. It has to be made by New.
type Pool struct {
	lines []line
	turn  atomic.Uint32 // of the line for the next job

	// coming is how many workers are on their way: they look for a task before they do anything else. There is one whenever a
	// task is due, or whoever made it due, or was on the way before, is about to call one.
	coming atomic.Int32

	mu     sync.Mutex
	idle   []*worker
	closed bool
}

// New returns a pool with a line for each processor that the program may use.
func New() *Pool {
	return &Pool{lines: make([]line, min(maxLines, max(1, runtime.GOMAXPROCS(0))))}
}

// worker is a goroutine.
type worker struct {
	call chan struct{}
	line uint32 // where it stands, or stood
}

// Schedule runs t soon, never on the goroutine of the caller while that is in a task. Whoever was told a line by Run passes it
// on; for others any number will do, best the same one for the same task.
func (p *Pool) Schedule(t Task, line uint32) {
	p.lines[line%uint32(len(p.lines))].push(t)
	p.call()
}

// Go runs blocking work.
func (p *Pool) Go(work func()) { p.Schedule(job(work), p.turn.Add(1)) }

// call calls a worker unless one is on its way.
func (p *Pool) call() {
	if p.coming.Load() != 0 || !p.coming.CompareAndSwap(0, 1) {
		return
	}
	p.mu.Lock()
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
	t := p.arrive(w)
	for row := 1; ; row++ {
		switch {
		case t == nil:
			if t = p.rest(w); t == nil {
				return
			}
			row = 0
		case row%maxRow == 0:
			run(t, w.line)
			t = p.yield(w)
		default:
			run(t, w.line)
			t = p.next(w)
		}
	}
}

func run(t Task, line uint32) {
	for t.Run(line, 0) {
	}
}

// arrive ends the way of w to a line, and returns its first task, or nil.
func (p *Pool) arrive(w *worker) Task {
	p.stand(w)
	t := p.next(w)
	if p.coming.Add(-1) == 0 && p.isDue() {
		p.call()
	}
	return t
}

// yield lets the program's other goroutines run.
func (p *Pool) yield(w *worker) Task {
	p.coming.Add(1)
	p.lines[w.line].standing.Add(-1)
	runtime.Gosched()
	return p.arrive(w)
}

// rest waits until w is called, and returns the task that it then finds. There is none if w has to end, or came in vain.
func (p *Pool) rest(w *worker) Task {
	p.lines[w.line].standing.Add(-1)
	for {
		p.mu.Lock()
		if p.closed || len(p.idle) >= maxIdle {
			p.mu.Unlock()
			return nil
		}
		p.idle = append(p.idle, w)
		p.mu.Unlock()
		if _, called := <-w.call; !called {
			return nil
		}
		if t := p.arrive(w); t != nil {
			return t
		}
		p.lines[w.line].standing.Add(-1)
	}
}

// stand has w stand where nobody does, if there is such a line, best where it stood before, or where a task is due.
func (p *Pool) stand(w *worker) {
	best := w.line
	for i := range p.lines {
		at := (w.line + uint32(i)) % uint32(len(p.lines))
		if l := &p.lines[at]; l.standing.Load() > 0 {
			continue
		} else if l.length.Load() > 0 {
			best = at
			break
		} else if p.lines[best].standing.Load() > 0 {
			best = at
		}
	}
	w.line = best
	p.lines[best].standing.Add(1)
}

// next returns the first task of the line at which w stands, or of half of another line, which joins that of w.
func (p *Pool) next(w *worker) Task {
	own := &p.lines[w.line]
	if t := own.pop(); t != nil {
		return t
	}
	for i := 1; i < len(p.lines); i++ {
		if t := own.takeHalf(&p.lines[(int(w.line)+i)%len(p.lines)]); t != nil {
			p.call() // who came meanwhile found nothing
			return t
		}
	}
	return nil
}

// isDue reports whether a task waits in any line.
func (p *Pool) isDue() bool {
	for i := range p.lines {
		if p.lines[i].length.Load() > 0 {
			return true
		}
	}
	return false
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

// job is blocking work as a task.
type job func()

// Run implements [Task].
func (j job) Run(uint32, int) (more bool) {
	j()
	return false
}
