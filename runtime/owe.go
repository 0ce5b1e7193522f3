package runtime

import "meseta/runtime/internal/pending"

// Owe returns a promise of b: unless it was completed before, it fails with [ErrTerminated] when b has terminated, so that
// no caller waits forever. It is for results that become known in some later turn; where that is a known one, use
// [Continue] or [Chain].
func Owe[T any](b Behavior) Promise[T] {
	a := b.base()
	a.onTurn()
	p := promiseOf[T](a, a.turn)
	e := &pending.Entry{Of: p.cell}
	book := a.book()
	if !book.Add(e) {
		p.cell.End()
		return p
	}
	n := a.node
	n.owed.Add(1)
	p.cell.onAny(func(T, error) {
		book.Done(e)
		n.owed.Add(-1)
	})
	return p
}

// CausedHere is f for a waiter whom b answers together with others: what follows from f is caused by this turn of b, which was asked
// for it, and not by that which completes f. Discarding it discards f.
func CausedHere[T any](b Behavior, f Future[T]) Future[T] {
	turn := b.base().turn
	if turn.IsZero() {
		return f
	}
	p := promiseFrom[T](f)
	p.OnDiscard(f.Discard)
	f.known().onAny(func(v T, err error) {
		defer attribute(turn)()
		p.cell.finish(v, err)
	})
	return p.Future()
}

// BegunHere returns f for a later turn of b, the one that ends f's wait: what f does then is caused by this turn, which asked
// for it, and not by that one.
func BegunHere(b Behavior, f func()) func() {
	a := b.base()
	a.onTurn()
	turn := a.turn
	return func() {
		if now := a.turn; turn != now && !turn.IsZero() && !now.IsZero() {
			defer func() { a.turn = now }()
			defer attribute(turn)()
			a.turn = turn
		}
		f()
	}
}

// End implements [pending.Thing].
func (c *cell[T]) End() { Promise[T]{c}.Fail(ErrTerminated) }

// book is of what ends with a.
func (a *Actor) book() *pending.Book {
	if a.pending.Load() == nil {
		a.pending.Store(&pending.Book{})
	}
	return a.pending.Load()
}

// follow completes p as f will be, and discards f with it.
func (p Promise[T]) follow(f Future[T]) {
	if f.cell == nil {
		p.Fail(errNoFuture)
		return
	}
	p.OnDiscard(f.Discard)
	f.cell.onAny(func(v T, err error) { p.cell.finish(v, err) })
}

// Owed counts the promises made by [Owe], and by what is built on it, that are pending: what actors wait for, and requests for
// permits of a limiter that are not granted. When no actor is left it is zero. It is for tests.
func (n *Node) Owed() int { return int(n.owed.Load()) }
