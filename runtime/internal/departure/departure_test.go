package departure_test

import (
	"slices"
	"testing"

	"meseta/runtime/internal/departure"
)

func TestDepartTellsOnceInOrder(t *testing.T) {
	t.Parallel()
	var d departure.Departure
	var told []int
	for i := range 3 {
		if !d.Tell(func() { told = append(told, i) }) {
			t.Error("it is over before it ends")
		}
	}
	if d.Gone() || told != nil {
		t.Errorf("gone: %v, told: %v, before the end", d.Gone(), told)
	}
	d.Depart()
	d.Depart()
	if !d.Gone() || !slices.Equal(told, []int{0, 1, 2}) {
		t.Errorf("gone: %v, told: %v, after the end", d.Gone(), told)
	}
	if d.Tell(func() { t.Error("told after the end") }) {
		t.Error("a function is still waiting")
	}
}
