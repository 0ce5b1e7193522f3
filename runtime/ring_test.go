package runtime

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever the size, the ring holds the latest events in order, and takes memory only as they come.
func TestRingKeepsTheLatest(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 63, 64, 65, 200, 1 << 40} {
		r := &ring{size: size}
		for i := range 500 {
			r.add(&Event{ID: EventID{Seq: uint64(i)}})
			all := r.all()
			if want := min(i+1, size); len(all) != want {
				t.Fatalf("a ring of %d holds %d of %d events", size, len(all), i+1)
			}
			for j, e := range all {
				if e.ID.Seq != uint64(i-len(all)+1+j) {
					t.Fatalf("a ring of %d has event %d at %d after %d", size, e.ID, j, i)
				}
			}
		}
		if len(r.events) > 1024 {
			t.Errorf("a ring of %d has room for %d after 500", size, len(r.events))
		}
	}
}

// Peers choose names: long ones make it remember fewer events.
func TestRingIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	r, long := &ring{size: 1 << 20}, strings.Repeat("x", 1<<20)
	for i := range 1000 {
		r.add(&Event{ID: EventID{Seq: uint64(i)}, Name: long})
		if r.bytes > MostTraced {
			t.Fatalf("%d bytes after %d", r.bytes, i)
		}
	}
	if all := r.all(); len(all) != 63 || all[62].ID.Seq != 999 {
		t.Errorf("it holds %d", len(all))
	}
	for i := range 1000 {
		r.add(&Event{ID: EventID{Seq: uint64(i)}, Name: fmt.Sprint(i)})
	}
	sum := 0
	for _, e := range r.ordered() {
		sum += e.cost()
	}
	if sum != r.bytes || r.count != len(r.all()) {
		t.Errorf("it counts %d bytes of %d", r.bytes, sum)
	}
}
