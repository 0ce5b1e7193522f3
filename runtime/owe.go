package runtime

import "sync"

// Owe returns a promise of b: unless it was completed before, it fails with [ErrTerminated] when b has terminated, so that
// nobody waits for ever. It is for results that become known in some later turn; where that is a known one, use
// [Continue] or [Chain].
func Owe[T any](b Behavior) Promise[T] {
	a := b.base()
	a.onTurn()
	if a.debts == nil {
		a.debts = &debts{}
	}
	p := promiseOf[T](a)
	d := &debt{fail: func() { p.Fail(ErrTerminated) }}
	if !a.debts.add(d) {
		d.fail()
		return p
	}
	settled := a.debts
	p.cell.onAny(func(T, error) { settled.remove(d) })
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

// debts are the promises of an actor that are pending, in a ring. They are settled on any goroutine.
type debts struct {
	mu    sync.Mutex
	ended bool
	ring  debt
}

// debt is one of them.
type debt struct {
	before, after *debt // nil: it is settled
	fail          func()
}

// add notes that d is pending; it reports false when the actor has terminated.
func (o *debts) add(d *debt) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	if o.ring.after == nil {
		o.ring.before, o.ring.after = &o.ring, &o.ring
	}
	d.before, d.after = o.ring.before, &o.ring
	d.before.after, d.after.before = d, d
	return true
}

func (o *debts) remove(d *debt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d.before == nil {
		return
	}
	d.before.after, d.after.before = d.after, d.before
	d.before, d.after = nil, nil
}

// end fails what is pending, in the order in which it was promised.
func (o *debts) end() {
	if o == nil {
		return
	}
	for d := o.next(); d != nil; d = o.next() {
		o.remove(d)
		d.fail()
	}
}

// next returns the oldest debt; from then on no more are made.
func (o *debts) next() *debt {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.ring.after == nil || o.ring.after == &o.ring {
		return nil
	}
	return o.ring.after
}
