// Package ring remembers the latest of many things, bounded in number and in bytes.
package ring

import "sync"

// Ring is the latest things that were added: as many as fit into both of its bounds. It grows as they come. Its methods may
// be called from any goroutine.
type Ring[T any] struct {
	most, mostBytes int

	mu    sync.Mutex
	kept  []entry[T]
	first int // where the oldest is
	count int
	bytes int
}

type entry[T any] struct {
	thing T
	cost  int
}

// New returns a ring of at most most things, which must be positive. All of them cost no more than mostBytes, except that
// the latest is always kept.
func New[T any](most, mostBytes int) *Ring[T] { return &Ring[T]{most: most, mostBytes: mostBytes} }

// Add remembers *thing, which costs so many bytes, and forgets the oldest that do not fit beside it. It does not keep the
// pointer.
func (r *Ring[T]) Add(thing *T, cost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.count > 0 && (r.count == r.most || r.bytes+cost > r.mostBytes) {
		r.forget()
	}
	if r.count == len(r.kept) {
		r.grow()
	}
	r.kept[(r.first+r.count)%len(r.kept)] = entry[T]{*thing, cost}
	r.count++
	r.bytes += cost
}

// forget drops the oldest.
func (r *Ring[T]) forget() {
	oldest := &r.kept[r.first]
	r.bytes -= oldest.cost
	*oldest = entry[T]{}
	r.first = (r.first + 1) % len(r.kept)
	r.count--
}

func (r *Ring[T]) grow() {
	const least = 64
	grown := make([]entry[T], min(r.most, max(least, 2*len(r.kept))))
	older, newer := r.halves()
	copy(grown[copy(grown, older):], newer)
	r.kept, r.first = grown, 0
}

// All returns what is remembered, oldest first.
func (r *Ring[T]) All() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]T, 0, r.count)
	older, newer := r.halves()
	for _, half := range [][]entry[T]{older, newer} {
		for i := range half {
			all = append(all, half[i].thing)
		}
	}
	return all
}

// halves are what is remembered, in order.
func (r *Ring[T]) halves() (older, newer []entry[T]) {
	end := min(r.first+r.count, len(r.kept))
	return r.kept[r.first:end], r.kept[:r.count-(end-r.first)]
}
