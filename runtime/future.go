package runtime

import (
	"errors"
	"sync"
)

// Errors that futures fail with.
var (
	ErrDiscarded  = errors.New("runtime: discarded")
	ErrTerminated = errors.New("runtime: the actor has terminated")
	ErrTimeout    = errors.New("runtime: timed out")
)

// Future is a value that will be there, or an error. It has no blocking method: actors continue with [Await]. The zero
// Future is none, and using it panics; [Ready] and [Failed] make those that are complete.
type Future[T any] struct{ cell *cell[T] }

// Promise is the writing end of a [Future].
type Promise[T any] struct{ cell *cell[T] }

type cell[T any] struct {
	mu        sync.Mutex
	done      bool
	value     T
	err       error
	cause     EventID // when traced: the turn that completed it
	callbacks []func(T, error)
	discarded bool
	onDiscard []func()
}

// NewPromise returns a promise whose future is pending.
func NewPromise[T any]() Promise[T] { return Promise[T]{&cell[T]{}} }

// Ready returns a future that has v.
func Ready[T any](v T) Future[T] { return Future[T]{&cell[T]{done: true, value: v}} }

// Failed returns a future that failed with err.
func Failed[T any](err error) Future[T] { return Future[T]{&cell[T]{done: true, err: err}} }

// Future returns the reading end.
func (p Promise[T]) Future() Future[T] { return Future[T](p) }

// Set completes the future; it reports false if it was complete already.
func (p Promise[T]) Set(v T) bool { return p.cell.finish(v, nil) }

// Fail fails the future; it reports false if it was complete already.
func (p Promise[T]) Fail(err error) bool {
	var zero T
	return p.cell.finish(zero, err)
}

// OnDiscard runs f when somebody no longer wants the value, at once if that has happened. f must not touch an actor's
// state.
func (p Promise[T]) OnDiscard(f func()) {
	c := p.cell
	c.mu.Lock()
	now := c.discarded
	if !now && !c.done {
		c.onDiscard = append(c.onDiscard, f)
	}
	c.mu.Unlock()
	if now {
		f()
	}
}

// Discarded reports whether somebody has asked that the value no longer be produced.
func (p Promise[T]) Discarded() bool {
	p.cell.mu.Lock()
	defer p.cell.mu.Unlock()
	return p.cell.discarded
}

// Discard asks that the value no longer be produced. It is a request: the future may still complete.
func (f Future[T]) Discard() {
	c := f.cell
	c.mu.Lock()
	if c.done || c.discarded {
		c.mu.Unlock()
		return
	}
	c.discarded = true
	told := c.onDiscard
	c.onDiscard = nil
	c.mu.Unlock()
	for _, g := range told {
		g()
	}
}

// Peek returns the value if it is there. For tests and for wires; actors use [Await].
func (f Future[T]) Peek() (v T, err error, done bool) {
	f.cell.mu.Lock()
	defer f.cell.mu.Unlock()
	return f.cell.value, f.cell.err, f.cell.done
}

// OnAny runs g with the result on whatever goroutine completes the future, or at once if it is complete. For wires
// and tests: g must not touch an actor's state; actors use [Await].
func (f Future[T]) OnAny(g func(T, error)) {
	c := f.cell
	c.mu.Lock()
	if !c.done {
		c.callbacks = append(c.callbacks, g)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	defer attribute(c.cause)()
	g(c.value, c.err)
}

func (c *cell[T]) finish(v T, err error) bool {
	c.mu.Lock()
	if c.done {
		c.mu.Unlock()
		return false
	}
	c.done, c.value, c.err, c.cause = true, v, err, here()
	callbacks := c.callbacks
	c.callbacks, c.onDiscard = nil, nil
	c.mu.Unlock()
	for _, g := range callbacks {
		g(v, err)
	}
	return true
}
