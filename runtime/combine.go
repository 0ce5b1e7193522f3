package runtime

import (
	"sync"
	"time"
)

// Then maps a future. pure runs wherever f completes and so must not touch an actor's state.
func Then[T, U any](f Future[T], pure func(T) (U, error)) Future[U] {
	p := promiseFrom[U](f)
	p.OnDiscard(f.Discard)
	f.cell.onAny(func(v T, err error) {
		if err != nil {
			p.Fail(err)
			return
		}
		around := guard{owner: p.cell.owner, to: "Then", about: resultOf, f: pure}
		defer around.caught()
		u, err := pure(v)
		around.returned = true
		p.cell.finish(u, err)
	})
	return p.Future()
}

// Flatten waits for a future of a future.
func Flatten[T any](f Future[Future[T]]) Future[T] {
	p := promiseFrom[T](f)
	p.OnDiscard(f.Discard)
	f.cell.onAny(func(inner Future[T], err error) {
		if err != nil {
			p.Fail(err)
			return
		}
		p.follow(inner)
	})
	return p.Future()
}

// Undiscardable is f for one of several waiters: discarding it does not discard f (libprocess: undiscardable).
func Undiscardable[T any](f Future[T]) Future[T] {
	p := promiseFrom[T](f)
	f.cell.onAny(func(v T, err error) { p.cell.finish(v, err) })
	return p.Future()
}

// Within fails with err unless f is complete in d, and then discards f. It fails with [ErrTerminated] if b terminates before
// that.
func Within[T any](b Behavior, f Future[T], d time.Duration, err error) Future[T] {
	f.known()
	n, p := b.base().home(), Owe[T](b)
	p.OnDiscard(f.Discard)
	stop := n.after(d, func() {
		if p.Fail(err) {
			f.Discard()
		}
	})
	p.cell.onAny(func(T, error) { stop() })
	f.cell.onAny(func(v T, err error) { p.cell.finish(v, err) })
	return p.Future()
}

// Recover replaces the error of a future by a value, or by another error. pure runs wherever f completes and so must not
// touch an actor's state.
func Recover[T any](f Future[T], pure func(error) (T, error)) Future[T] {
	p := promiseFrom[T](f)
	p.OnDiscard(f.Discard)
	f.cell.onAny(func(v T, err error) {
		if err != nil {
			around := guard{owner: p.cell.owner, to: "Recover", about: resultOf, f: pure}
			defer around.caught()
			v, err = pure(err)
			around.returned = true
		}
		p.cell.finish(v, err)
	})
	return p.Future()
}

// Collect waits for all futures and keeps their order. The first error wins and the rest are discarded.
func Collect[T any](fs ...Future[T]) Future[[]T] {
	if len(fs) == 0 {
		return Ready[[]T](nil)
	}
	p := promiseOf[[]T](fs[0].known().owner, here())
	discardAll := func() {
		for _, f := range fs {
			f.Discard()
		}
	}
	p.OnDiscard(discardAll)
	var mu sync.Mutex
	values, left := make([]T, len(fs)), len(fs)
	for i, f := range fs {
		f.known().onAny(func(v T, err error) {
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

// Result is how a future ended.
type Result[T any] struct {
	Value T
	Err   error
}

// Settled waits for all futures, whatever becomes of them, and keeps their order (libprocess: await).
func Settled[T any](fs ...Future[T]) Future[[]Result[T]] {
	all := make([]Future[Result[T]], len(fs))
	for i, f := range fs {
		p := promiseFrom[Result[T]](f)
		p.OnDiscard(f.Discard)
		f.cell.onAny(func(v T, err error) { p.Set(Result[T]{v, err}) })
		all[i] = p.Future()
	}
	return Collect(all...)
}
