package pending_test

import (
	"slices"
	"sync"
	"testing"

	"meseta/runtime/internal/pending"
)

// thing is what is pending, by what ends it.
type thing func()

func (end thing) End() { end() }

// What is not done ends once, in the order in which it was added, even if the end of one is that of another.
func TestCloseEndsWhatIsPending(t *testing.T) {
	t.Parallel()
	var b pending.Book
	var ended []int
	all := make([]pending.Entry, 6)
	for i := range all {
		all[i].Of = thing(func() {
			b.Done(&all[i])
			if ended = append(ended, i); i == 2 {
				b.Done(&all[4])
			}
		})
		if !b.Add(&all[i]) {
			t.Fatal("the book is closed from the start")
		}
	}
	b.Done(&all[0])
	b.Done(&all[3])
	b.Done(&all[3])
	if left := b.All(); len(left) != 4 {
		t.Errorf("%d things are pending; want 4", len(left))
	}
	b.Close()
	b.Close()
	if want := []int{1, 2, 5}; !slices.Equal(ended, want) {
		t.Errorf("%v ended; want %v", ended, want)
	}
	if left := b.All(); len(left) > 0 {
		t.Errorf("%d things are pending after Close", len(left))
	}
	if left := (*pending.Book)(nil).All(); len(left) > 0 {
		t.Errorf("%d things are pending in no book", len(left))
	}
	if b.Add(&pending.Entry{}) {
		t.Error("something was added after Close")
	}
	b.Done(&pending.Entry{})
}

// Whatever is added while the book is closed is either refused or ends.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	const goroutines, each = 4, 1000
	var b pending.Book
	var mu sync.Mutex
	ends := 0
	end := func() {
		mu.Lock()
		defer mu.Unlock()
		ends++
	}
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range each {
				if !b.Add(&pending.Entry{Of: thing(end)}) {
					end()
				}
			}
		})
	}
	all.Go(b.Close)
	all.Wait()
	if b.Close(); ends != goroutines*each {
		t.Errorf("%d of %d have ended", ends, goroutines*each)
	}
}
