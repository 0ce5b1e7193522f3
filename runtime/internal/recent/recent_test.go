package recent_test

import (
	"slices"
	"testing"

	"meseta/runtime/internal/recent"
)

func TestTheLastAreKept(t *testing.T) {
	t.Parallel()
	var f recent.Few[int]
	var want []int
	for i := range 50 {
		var got []int
		for thing := range f.All {
			got = append(got, *thing)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		*f.Next() = i
		want = append(want, i)
		want = want[max(0, len(want)-16):]
	}
	for first := range f.All {
		if *first != want[0] {
			t.Errorf("the oldest is %d", *first)
		}
		break
	}
}
