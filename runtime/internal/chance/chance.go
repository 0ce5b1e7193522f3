// Package chance is a source of randomness for many goroutines.
package chance

import (
	"math/rand/v2"
	"sync"
)

// New returns a source that follows from seed and may be used from any goroutine.
func New(seed uint64) *rand.Rand { return rand.New(&locked{src: rand.NewPCG(seed, 0)}) }

// locked makes a source safe for all goroutines.
type locked struct {
	mu  sync.Mutex
	src rand.Source
}

// Uint64 implements [rand.Source].
func (s *locked) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src.Uint64()
}
