package chance_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"meseta/runtime/internal/chance"
)

// On one goroutine it is what a plain source of that seed is, and on many each number is drawn once.
func TestEachNumberIsDrawnOnce(t *testing.T) {
	t.Parallel()
	const goroutines, each = 4, 1000
	shared, plain := chance.New(7), rand.New(rand.NewPCG(7, 0))
	var mu sync.Mutex
	drawn := map[uint64]int{}
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range each {
				n := shared.Uint64()
				mu.Lock()
				drawn[n]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for range goroutines * each {
		n := plain.Uint64()
		if drawn[n]--; drawn[n] != 0 {
			t.Fatalf("%d was drawn %d times", n, drawn[n]+1)
		}
	}
	if a, b := shared.Uint64(), plain.Uint64(); a != b {
		t.Errorf("%d follows, want %d", a, b)
	}
}
