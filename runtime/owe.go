package runtime

import "meseta/runtime/internal/debts"

// Owe returns a promise of b: unless it was completed before, it fails with [ErrTerminated] when b has terminated, so that
// nobody waits for ever. It is for results that become known in some later turn; where that is a known one, use
// [Continue] or [Chain].
func Owe[T any](b Behavior) Promise[T] {
	a := b.base()
	a.onTurn()
	if a.debts == nil {
		a.debts = &debts.Book{}
	}
	p := promiseOf[T](a)
	d := &debts.Debt{Fail: func() { p.Fail(ErrTerminated) }}
	if !a.debts.Add(d) {
		d.Fail()
		return p
	}
	book := a.debts
	p.cell.onAny(func(T, error) { book.Pay(d) })
	return p
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
