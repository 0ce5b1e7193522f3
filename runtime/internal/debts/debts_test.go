package debts_test

import (
	"slices"
	"sync"
	"testing"

	"meseta/runtime/internal/debts"
)

// What is not paid fails once, in the order in which it was added, even if failing one pays another or is paid meanwhile.
func TestCloseFailsWhatIsPending(t *testing.T) {
	t.Parallel()
	var b debts.Book
	var failed []int
	all := make([]debts.Debt, 6)
	for i := range all {
		all[i].Fail = func() {
			b.Pay(&all[i])
			if failed = append(failed, i); i == 2 {
				b.Pay(&all[4])
			}
		}
		if !b.Add(&all[i]) {
			t.Fatal("the book is closed from the start")
		}
	}
	b.Pay(&all[0])
	b.Pay(&all[3])
	b.Pay(&all[3])
	b.Close()
	b.Close()
	if want := []int{1, 2, 5}; !slices.Equal(failed, want) {
		t.Errorf("%v failed; want %v", failed, want)
	}
	if b.Add(&debts.Debt{}) {
		t.Error("something was added after Close")
	}
	b.Pay(&debts.Debt{})
}

// Whatever is added while the book is closed is either refused or fails.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	const goroutines, each = 4, 1000
	var b debts.Book
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
				if !b.Add(&debts.Debt{Fail: end}) {
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
