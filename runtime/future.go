package runtime

import (
	"errors"
	"sync"
	"time"
)

// Errors that futures fail with.
var (
	ErrDiscarded  = errors.New("runtime: discarded")
	ErrTerminated = errors.New("runtime: the actor has terminated")
	ErrTimeout    = errors.New("runtime: timed out")
)

// Future is a value that will be there, or an error. It has no blocking method: actors continue with [Await].
type Future[T any] struct{ cell *cell[T] }

// Promise is the writing end of a [Future].
type Promise[T any] struct{ cell *cell[T] }

type cell[T any] struct {
	mu        sync.Mutex
	done      bool
	value     T
	err       error
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

// OnDiscard runs f when somebody no longer wants the value, at once if that has happened.
func (p Promise[T]) OnDiscard(f func()) {
	c := p.cell
	c.mu.Lock()
	if !c.discarded {
		c.onDiscard = append(c.onDiscard, f)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f()
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
	g(c.value, c.err)
}

func (c *cell[T]) finish(v T, err error) bool {
	c.mu.Lock()
	if c.done {
		c.mu.Unlock()
		return false
	}
	c.done, c.value, c.err = true, v, err
	callbacks := c.callbacks
	c.callbacks, c.onDiscard = nil, nil
	c.mu.Unlock()
	for _, g := range callbacks {
		g(v, err)
	}
	return true
}

// Await runs then on a turn of b once f is complete. It never blocks and never runs then at once, so the order of
// events does not depend on whether f was complete already. Actor.From keeps the sender that was being answered.
func Await[T any](b Behavior, f Future[T], then func(T, error)) {
	a := b.base()
	from, asked := a.from, a.turn
	f.OnAny(func(v T, err error) {
		cause := a.node.causeHere()
		if cause == 0 {
			cause = asked
		}
		a.node.put(a, item{kind: OnAnswer, cause: cause, from: from, payload: &answer[T]{then, v, err}})
	})
}

// answer is a complete future on its way to who awaits it.
type answer[T any] struct {
	then  func(T, error)
	value T
	err   error
}

func (c *answer[T]) run()          { c.then(c.value, c.err) }
func (c *answer[T]) drop(error)    {}
func (c *answer[T]) code() uintptr { return entryOf(c.then) }

// Then maps a future. pure runs wherever f completes and so must not touch an actor's state.
func Then[T, U any](f Future[T], pure func(T) (U, error)) Future[U] {
	p := NewPromise[U]()
	p.OnDiscard(f.Discard)
	f.OnAny(func(v T, err error) {
		if err != nil {
			p.Fail(err)
			return
		}
		u, err := pure(v)
		if err != nil {
			p.Fail(err)
			return
		}
		p.Set(u)
	})
	return p.Future()
}

// Flatten waits for a future of a future.
func Flatten[T any](f Future[Future[T]]) Future[T] {
	p := NewPromise[T]()
	p.OnDiscard(f.Discard)
	f.OnAny(func(inner Future[T], err error) {
		if err != nil {
			p.Fail(err)
			return
		}
		p.OnDiscard(inner.Discard)
		inner.OnAny(func(v T, err error) { p.cell.finish(v, err) })
	})
	return p.Future()
}

// Within fails with err unless f is complete in d, and then discards f.
func Within[T any](b Behavior, f Future[T], d time.Duration, err error) Future[T] {
	p := NewPromise[T]()
	p.OnDiscard(f.Discard)
	stop := b.base().node.clock.AfterFunc(d, func() {
		if p.Fail(err) {
			f.Discard()
		}
	})
	f.OnAny(func(v T, ferr error) {
		stop()
		p.cell.finish(v, ferr)
	})
	return p.Future()
}

// Collect waits for all futures and keeps their order. The first error wins and the rest are discarded.
func Collect[T any](fs ...Future[T]) Future[[]T] {
	if len(fs) == 0 {
		return Ready[[]T](nil)
	}
	p := NewPromise[[]T]()
	discardAll := func() {
		for _, f := range fs {
			f.Discard()
		}
	}
	p.OnDiscard(discardAll)
	var mu sync.Mutex
	values, left := make([]T, len(fs)), len(fs)
	for i, f := range fs {
		f.OnAny(func(v T, err error) {
			if err != nil {
				if p.Fail(err) {
					discardAll()
				}
				return
			}
			mu.Lock()
			values[i] = v
			left--
			complete := left == 0
			mu.Unlock()
			if complete {
				p.Set(values)
			}
		})
	}
	return p.Future()
}
