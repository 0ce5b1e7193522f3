package workers

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// taker takes turns one by one.
type taker struct {
	left, taken int
	done        sync.WaitGroup
}

func (t *taker) Run(uint32, int) (more bool) {
	t.taken++
	if t.left--; t.left > 0 {
		return true
	}
	t.done.Done()
	return false
}

func TestTasksRunUntilNoTurnIsDue(t *testing.T) {
	t.Parallel()
	p := New()
	defer p.Close()
	task := &taker{left: 3}
	task.done.Add(1)
	p.Schedule(task, 0)
	if task.done.Wait(); task.taken != 3 {
		t.Errorf("%d turns were taken; want 3", task.taken)
	}
}

// Blocked work does not keep other work from running, however much there is.
func TestBlockedWorkKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	p := New()
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
	p := New()
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

// number is a task that does nothing.
type number int

func (number) Run(uint32, int) bool { return false }

// Workers stand where nobody does, and take what is due there, or else half of another line, in order.
func TestWorkersStandAtLinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := &Pool{lines: make([]line, 3)}
	p.coming.Store(1) // nobody is called
	for i := range number(5) {
		p.Schedule(i, 4) // counted modulo 3
	}
	first, second := &worker{}, &worker{}
	p.stand(first)
	p.stand(second)
	if first.line != 1 || second.line == 1 {
		t.Errorf("the workers stand at %d and %d; tasks are due at 1", first.line, second.line)
	}
	var took []any
	for _, w := range []*worker{first, second, first, second, first, second} {
		took = append(took, p.next(w))
	}
	want := []any{number(0), number(1), number(3), number(2), number(4), nil}
	if !slices.Equal(took, want) {
		t.Errorf("the workers took, in turns, %v; want %v: the second one had to take half of what was left, 1 and 2", took, want)
	}
}

// tree makes two more due in its line while it is not deep enough, and waits for them.
type tree struct {
	pool  *Pool
	depth int
	lines []atomic.Int64 // how many ran in each
	ended chan struct{}
}

func (b *tree) Run(line uint32, _ int) bool {
	b.lines[line].Add(1)
	below := make(chan struct{}, 2)
	for range 2 * min(1, b.depth) {
		b.pool.Schedule(&tree{b.pool, b.depth - 1, b.lines, below}, line)
	}
	for range 2 * min(1, b.depth) {
		<-below
	}
	b.ended <- struct{}{}
	return false
}

// However tasks wait for those that they have made due in their own line, none is forgotten, and no line either.
func TestTasksInALineOfThoseThatWaitForThem(t *testing.T) {
	t.Parallel()
	const trees, depth = 64, 7
	p := &Pool{lines: make([]line, 4)}
	defer p.Close()
	ran := make([]atomic.Int64, len(p.lines))
	ended := make(chan struct{}, trees)
	for i := range trees {
		p.Schedule(&tree{p, depth, ran, ended}, uint32(i))
	}
	for range trees {
		<-ended
	}
	all := int64(0)
	for i := range ran {
		if ran[i].Load() == 0 {
			t.Errorf("no task ran in line %d", i)
		}
		all += ran[i].Load()
	}
	if want := int64(trees * (1<<(depth+1) - 1)); all != want {
		t.Errorf("%d tasks ran; want %d", all, want)
	}
}

// However a ring grows and wraps, it is first in, first out, and keeps little room when it is empty.
func TestRing(t *testing.T) {
	t.Parallel()
	var r ring
	var order []int
	in, out := 0, 0
	for _, step := range []int{3, -2, 20, -21, 5, -1, 40, -30, 3 * maxRoom, -3*maxRoom - 14, 1, -1} {
		for ; step > 0; step-- {
			n := in
			r.push(job(func() { order = append(order, n) }))
			in++
		}
		for ; step < 0; step++ {
			r.pop().Run(0, 0)
			out++
		}
		if r.len() != in-out {
			t.Fatalf("%d are in it; want %d", r.len(), in-out)
		}
	}
	for i, n := range order {
		if i != n {
			t.Fatalf("%d came out as number %d", n, i)
		}
	}
	if in != out || len(r.room) > maxRoom {
		t.Errorf("in %d, out %d, room for %d", in, out, len(r.room))
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
	p := New()
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
