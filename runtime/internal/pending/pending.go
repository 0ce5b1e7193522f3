// Package pending keeps what an actor has promised or booked until that is done, so that it ends with the actor.
package pending

import "sync"

// Book is a ring of entries. The zero Book is empty and open. Its methods may be called from any goroutine.
type Book struct {
	mu     sync.Mutex
	closed bool
	ring   Entry
}

// Thing is what is pending.
type Thing interface {
	// End is called if the book is closed before the thing is done.
	End()
}

// Entry is one thing that is pending. It is in one book at most, and must not be moved while it is.
type Entry struct {
	Of Thing

	before, after *Entry // nil: it is in no book
}

// Add notes that e is pending; it reports false, and does not, when the book is closed.
func (b *Book) Add(e *Entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if b.ring.after == nil {
		b.ring.before, b.ring.after = &b.ring, &b.ring
	}
	e.before, e.after = b.ring.before, &b.ring
	e.before.after, e.after.before = e, e
	return true
}

// Done takes e out of the book, if it is there.
func (b *Book) Done(e *Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done(e)
}

func (b *Book) done(e *Entry) {
	if e.before == nil {
		return
	}
	e.before.after, e.after.before = e.after, e.before
	e.before, e.after = nil, nil
}

// All returns what is pending, in the order in which it was added. A nil book has nothing.
func (b *Book) All() []Thing {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Thing
	for e := b.ring.after; e != nil && e != &b.ring; e = e.after {
		all = append(all, e.Of)
	}
	return all
}

// Close takes out what is pending and calls its End, in the order in which it was added. Nothing is added any more.
func (b *Book) Close() {
	for e := b.next(); e != nil; e = b.next() {
		e.Of.End()
	}
}

// next takes out the oldest entry and closes the book.
func (b *Book) next() *Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	oldest := b.ring.after
	if oldest == nil || oldest == &b.ring {
		return nil
	}
	b.done(oldest)
	return oldest
}
