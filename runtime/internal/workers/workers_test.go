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
