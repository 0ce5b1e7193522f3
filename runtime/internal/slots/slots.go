// Package slots is a cache of bounded size that takes no locks.
package slots

import (
	"hash/maphash"
	"sync/atomic"
)

// count is how many things can be cached.
const count = 512

// Slots are where things are cached, by key. Different keys may share a slot.
type Slots[T any] struct {
	seed  maphash.Seed
	slots [count]atomic.Pointer[T]
}

// New returns empty slots.
func New[T any]() *Slots[T] { return &Slots[T]{seed: maphash.MakeSeed()} }

// Of returns the slot of key. Which one that is differs from program to program, so that no peer can choose keys that
// share one.
func (s *Slots[T]) Of(key string) *atomic.Pointer[T] {
	return &s.slots[maphash.String(s.seed, key)%count]
}
