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
	discarded bool
	asked     uint32 // when traced: the stamp of the turn that it was asked for in; 0: not known
	value     T
	err       error
	owner     *Actor   // whose result it is; nil: nobody's, or not known
	cause     *EventID // when traced: the turn that completed it; a pointer, because most futures have none
	callbacks []func(T, error)
	onDiscard []func()
}

// NewPromise returns a promise whose future is pending.
func NewPromise[T any]() Promise[T] { return promiseOf[T](nil, here()) }

// promiseOf is NewPromise of a result that comes from owner and is asked for in that turn.
func promiseOf[T any](owner *Actor, turn EventID) Promise[T] {
	return Promise[T]{&cell[T]{owner: owner, asked: stamp(turn)}}
}

// stamp is what tells a turn from the one before it, in few bytes.
func stamp(turn EventID) uint32 { return uint32(turn.Seq) }

// promiseFrom is NewPromise of a result that is made of f's.
func promiseFrom[U, T any](f Future[T]) Promise[U] {
	c := f.known()
	return Promise[U]{&cell[U]{owner: c.owner, asked: c.asked}}
}

// known returns the cell of a future that was made.
func (f Future[T]) known() *cell[T] {
	if f.cell == nil {
		panic("runtime: the zero Future, which never completes; futures are made by Ready, Failed, NewPromise, Owe and calls")
	}
	return f.cell
}

// known returns the cell of a promise that was made.
func (p Promise[T]) known() *cell[T] {
	if p.cell == nil {
		panic("runtime: the zero Promise, for which nobody can wait; promises are made by NewPromise and Owe")
	}
	return p.cell
}

// errNoFuture is what becomes of a result that was to be that of a zero Future.
var errNoFuture = errors.New("runtime: a zero Future was returned, which never completes")

// IsZero reports whether f is no future.
func (f Future[T]) IsZero() bool { return f.cell == nil }

// Ready returns a future that has v.
func Ready[T any](v T) Future[T] { return Future[T]{&cell[T]{done: true, value: v}} }

// Failed returns a future that failed with err.
func Failed[T any](err error) Future[T] { return Future[T]{&cell[T]{done: true, err: err}} }

// Future returns the reading end.
func (p Promise[T]) Future() Future[T] { return Future[T](p) }

// Set completes the future; it reports false if it was complete already.
func (p Promise[T]) Set(v T) bool { return p.known().finish(v, nil) }

// Fail fails the future; it reports false if it was complete already.
func (p Promise[T]) Fail(err error) bool {
	var zero T
	return p.known().finish(zero, err)
}

// OnDiscard runs f when somebody no longer wants the value, at once if that has happened. f must not touch an actor's
// state.
func (p Promise[T]) OnDiscard(f func()) {
	c := p.known()
	c.mu.Lock()
	now := c.discarded
	if !now && !c.done {
		c.onDiscard = append(c.onDiscard, f)
	}
	c.mu.Unlock()
	if now {
		c.tell(f)
	}
}

// Discarded reports whether somebody has asked that the value no longer be produced.
func (p Promise[T]) Discarded() bool {
	c := p.known()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.discarded
}

// Discard asks that the value no longer be produced. It is a request: the future may still complete.
func (f Future[T]) Discard() {
	c := f.known()
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
		c.tell(g)
	}
}

// Peek returns the value if it is there. For tests and for wires; actors use [Await].
func (f Future[T]) Peek() (v T, done bool, err error) {
	c := f.known()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.done, c.err
}

// OnAny runs g with the result on whatever goroutine completes the future, or at once if it is complete. For wires
// and tests: g must not touch an actor's state; actors use [Await].
func (f Future[T]) OnAny(g func(T, error)) {
	c := f.known()
	c.onAny(func(v T, err error) {
		around := guard{owner: c.owner, to: "OnAny", about: resultOf, f: g}
		defer around.caught()
		g(v, err)
		around.returned = true
	})
}

// onAny is OnAny for this package, whose callbacks guard what they call of others. What follows from a complete result is
// caused by what completed it if the present turn has asked for it, as if it had come a little later. Of a result that was there
// before, the turn is the cause that makes use of it.
func (c *cell[T]) onAny(g func(T, error)) {
	c.mu.Lock()
	if !c.done {
		c.callbacks = append(c.callbacks, g)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	if c.cause != nil && c.asked != 0 && c.asked == stamp(here()) {
		defer attribute(*c.cause)()
	}
	g(c.value, c.err)
}

// tell calls g, which wants to know that nobody waits for the result.
func (c *cell[T]) tell(g func()) {
	around := guard{owner: c.owner, to: "OnDiscard", about: "when nobody waited any more for a result of", f: g}
	defer around.caught()
	g()
	around.returned = true
}

const resultOf = "with a result of"

func (c *cell[T]) finish(v T, err error) bool {
	c.mu.Lock()
	if c.done {
		c.mu.Unlock()
		return false
	}
	c.done, c.value, c.err = true, v, err
	if turn := here(); !turn.IsZero() {
		cause := turn // of its own, so that only this branch allocates
		c.cause = &cause
	}
	callbacks := c.callbacks
	c.callbacks, c.onDiscard = nil, nil
	c.mu.Unlock()
	for _, g := range callbacks {
		g(v, err)
	}
	return true
}
