package ring

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever the size, the ring holds the latest things in order, and takes memory only as they come.
func TestTheLatestAreKept(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 63, 64, 65, 200, 1 << 40} {
		r := New[int](size, 1<<40)
		for i := range 500 {
			r.Add(&i, 8)
			all := r.All()
			if want := min(i+1, size); len(all) != want {
				t.Fatalf("a ring of %d holds %d of %d things", size, len(all), i+1)
			}
			for j, got := range all {
				if got != i-len(all)+1+j {
					t.Fatalf("a ring of %d has %d at %d after %d", size, got, j, i)
				}
			}
		}
		if len(r.kept) > 1024 {
			t.Errorf("a ring of %d has room for %d after 500", size, len(r.kept))
		}
	}
}

// Long things make it remember fewer.
func TestBytesAreBounded(t *testing.T) {
	t.Parallel()
	r, long := New[string](1<<20, 64<<20), strings.Repeat("x", 1<<20-16)
	for i := range 1000 {
		next := fmt.Sprintf("%016d", i) + long
		if r.Add(&next, len(next)); r.bytes > 64<<20 {
			t.Fatalf("%d bytes after %d", r.bytes, i)
		}
	}
	if all := r.All(); len(all) != 64 || !strings.HasPrefix(all[63], "0000000000000999") {
		t.Errorf("it holds %d", len(all))
	}
	for i := range 1000 {
		next := fmt.Sprint(i)
		r.Add(&next, len(next))
	}
	sum := 0
	for _, s := range r.All() {
		sum += len(s)
	}
	if sum != r.bytes || r.count != len(r.All()) {
		t.Errorf("it counts %d bytes of %d", r.bytes, sum)
	}
}

// One thing that is too long for the ring is remembered nevertheless, alone.
func TestTheLatestIsAlwaysKept(t *testing.T) {
	t.Parallel()
	r := New[string](10, 5)
	for _, s := range []string{"a", "b", "too long"} {
		r.Add(&s, len(s))
	}
	if all := r.All(); len(all) != 1 || all[0] != "too long" {
		t.Errorf("it holds %q", all)
	}
}
