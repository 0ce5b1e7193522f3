package workers

import (
	"runtime"
	"sync"
	"testing"
)

// taker takes turns one by one.
type taker struct {
	left, taken int
	done        sync.WaitGroup
}

func (t *taker) Run(int) (more bool) {
	t.taken++
	if t.left--; t.left > 0 {
		return true
	}
	t.done.Done()
	return false
}

func TestTasksRunUntilNoTurnIsDue(t *testing.T) {
	t.Parallel()
	var p Pool
	defer p.Close()
	task := &taker{left: 3}
	task.done.Add(1)
	p.Schedule(task)
	if task.done.Wait(); task.taken != 3 {
		t.Errorf("%d turns were taken; want 3", task.taken)
	}
}

// Blocked work does not keep other work from running, however much there is.
func TestBlockedWorkKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	var p Pool
	defer p.Close()
	var all sync.WaitGroup
	release := make(chan struct{})
	for range 2 * maxIdle {
		all.Add(1)
		p.Go(func() {
			defer all.Done()
			<-release
		})
	}
	last := make(chan struct{})
	p.Go(func() { close(last) })
	<-last
	close(release)
	all.Wait()
}

// A task may wait for those that it makes due.
func TestTasksThatWaitForTheirSuccessors(t *testing.T) {
	t.Parallel()
	var p Pool
	defer p.Close()
	var nest func(depth int, done chan<- struct{})
	nest = func(depth int, done chan<- struct{}) {
		ended := make(chan struct{}, 3)
		for range cap(ended) {
			p.Go(func() {
				if depth > 0 {
					nest(depth-1, ended)
					return
				}
				ended <- struct{}{}
			})
		}
		for range cap(ended) {
			<-ended
		}
		done <- struct{}{}
	}
	all := make(chan struct{}, 1)
	nest(5, all)
	<-all
}

// However a line grows and wraps, it is first in, first out, and keeps little room when it is empty.
func TestLine(t *testing.T) {
	t.Parallel()
	var l line
	var order []int
	in, out := 0, 0
	for _, step := range []int{3, -2, 20, -21, 5, -1, 40, -30, 3 * maxRoom, -3*maxRoom - 14, 1, -1} {
		for ; step > 0; step-- {
			n := in
			l.push(job(func() { order = append(order, n) }))
			in++
		}
		for ; step < 0; step++ {
			l.pop().Run(0)
			out++
		}
		if l.len() != in-out {
			t.Fatalf("%d are in it; want %d", l.len(), in-out)
		}
	}
	for i, n := range order {
		if i != n {
			t.Fatalf("%d came out as number %d", n, i)
		}
	}
	if in != out || len(l.room) > maxRoom {
		t.Errorf("in %d, out %d, room for %d", in, out, len(l.room))
	}
}

func (p *Pool) parked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// Goroutines are parked up to a bound, reused, and gone after Close; what comes later runs nevertheless.
func TestGoroutinesAreReused(t *testing.T) {
	t.Parallel()
	var p Pool
	for range 100 {
		done := make(chan struct{})
		p.Go(func() { close(done) })
		<-done
		for p.parked() == 0 {
			runtime.Gosched()
		}
	}
	if n := p.parked(); n != 1 {
		t.Errorf("%d goroutines for one work at a time; want 1", n)
	}
	p.Close()
	late := make(chan struct{})
	p.Go(func() { close(late) })
	<-late
	if n := p.parked(); n != 0 {
		t.Errorf("%d goroutines are parked after Close", n)
	}
}
