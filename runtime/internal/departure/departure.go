// Package departure lets one function wait for the end of something.
package departure

import "sync"

// Departure comes once. The zero Departure is still to come; its methods may be called from any goroutine.
type Departure struct {
	mu   sync.Mutex
	over bool
	tell func() // nil: nothing waits
}

// Depart marks the end, and calls the function that waits for it.
func (d *Departure) Depart() {
	d.mu.Lock()
	d.over = true
	tell := d.tell
	d.tell = nil
	d.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// Gone reports whether the end has come.
func (d *Departure) Gone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// Tell has Depart call f, after what was given before. It reports false, and f is not called, if the end has come already.
func (d *Departure) Tell(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return false
	}
	if before := d.tell; before != nil {
		last := f
		f = func() { before(); last() }
	}
	d.tell = f
	return true
}
