package roster

import (
	"slices"
	"testing"
)

func TestRoster(t *testing.T) {
	t.Parallel()
	var r Roster[string, int]
	r.Remove("nobody", 0)
	for name, v := range map[string]int{"b": 2, "a": 1, "c": 3} {
		if !r.Add(name, v) {
			t.Errorf("%s was not added to an open roster", name)
		}
	}
	r.Add("b", 4)
	r.Remove("b", 2) // it is not there any more
	r.Remove("c", 3)
	if all := r.Close(); !slices.Equal(all, []int{1, 4}) {
		t.Errorf("the members are %v; want 1 and 4", all)
	}
	if r.Add("d", 5) {
		t.Error("d was added to a closed roster")
	}
	r.Remove("a", 1)
	if all := r.Close(); !slices.Equal(all, []int{4}) {
		t.Errorf("the members are %v; want 4, who was not removed", all)
	}
}
