// Package debts keeps what is owed until it is paid: the promises of an actor that are pending.
package debts

import "sync"

// Book is a ring of debts. The zero Book is empty and open. Its methods may be called from any goroutine.
type Book struct {
	mu     sync.Mutex
	closed bool
	ring   Debt
}

// Debt is one thing that is owed. It is in one book at most, and must not be moved while it is.
type Debt struct {
	// Fail is called if the book is closed before the debt is paid.
	Fail func()

	before, after *Debt // nil: it is in no book
}

// Add notes that d is pending; it reports false, and does not, when the book is closed.
func (b *Book) Add(d *Debt) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if b.ring.after == nil {
		b.ring.before, b.ring.after = &b.ring, &b.ring
	}
	d.before, d.after = b.ring.before, &b.ring
	d.before.after, d.after.before = d, d
	return true
}

// Pay takes d out of the book, if it is there.
func (b *Book) Pay(d *Debt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pay(d)
}

func (b *Book) pay(d *Debt) {
	if d.before == nil {
		return
	}
	d.before.after, d.after.before = d.after, d.before
	d.before, d.after = nil, nil
}

// Close takes out what is pending and calls its Fail, in the order in which it was added. Nothing is added any more.
func (b *Book) Close() {
	for d := b.next(); d != nil; d = b.next() {
		d.Fail()
	}
}

// next takes out the oldest debt and closes the book.
func (b *Book) next() *Debt {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	oldest := b.ring.after
	if oldest == nil || oldest == &b.ring {
		return nil
	}
	b.pay(oldest)
	return oldest
}
