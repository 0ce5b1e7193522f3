// Package roster is a list of what runs, which can be closed: then nothing is added any more, so that whoever ends what is on it
// misses nothing that is being started.
package roster

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Roster has members with names. The zero Roster is open and empty. Its methods may be called from any goroutine.
type Roster[K cmp.Ordered, V comparable] struct {
	mu     sync.Mutex
	closed bool
	all    map[K]V
}

// Add adds a member, in the place of another one of that name. It returns false if the roster is closed.
func (r *Roster[K, V]) Add(name K, v V) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if r.all == nil {
		r.all = map[K]V{}
	}
	r.all[name] = v
	return true
}

// Remove removes a member, unless another one has its name now.
func (r *Roster[K, V]) Remove(name K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[name] == v {
		delete(r.all, name)
	}
}

// Close closes the roster and returns its members, ordered by name.
func (r *Roster[K, V]) Close() (members []V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, name := range slices.Sorted(maps.Keys(r.all)) {
		members = append(members, r.all[name])
	}
	return members
}
