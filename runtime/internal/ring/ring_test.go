package ring

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func newRing[T any](most, mostBytes, lanes int) *Ring[T] {
	return New[T](most, mostBytes, lanes, new(atomic.Uint64))
}

// Whatever the size, the ring holds the latest things in order, few others, and takes memory only as they come.
func TestTheLatestAreKept(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 63, 64, 65, 200, 1 << 40} {
		r := newRing[int](size, 1<<40, 1)
		for i := range 500 {
			if number, _ := r.Add(7, &i, 8); number != uint64(i+1) {
				t.Fatalf("thing %d has the number %d", i, number)
			}
			all := r.All()
			if least := min(i+1, size); len(all) < least || len(all) > least+2*perChunk {
				t.Fatalf("a ring of %d holds %d of %d things", size, len(all), i+1)
			}
			for j, got := range all {
				if want := i - len(all) + 1 + j; got.Thing != want || got.Number != uint64(want+1) {
					t.Fatalf("a ring of %d has %+v at %d after %d", size, got, j, i)
				}
			}
		}
		if len(r.chunks) > 8 {
			t.Errorf("a ring of %d has %d chunks for 500 things", size, len(r.chunks))
		}
	}
}

// Long things make it remember fewer.
func TestBytesAreBounded(t *testing.T) {
	t.Parallel()
	const most = 64 << 20
	r, long := newRing[string](1<<20, most, 4), strings.Repeat("x", 1<<18-16)
	for i := range 4000 {
		next := fmt.Sprintf("%016d", i) + long
		r.Add(uint32(i), &next, len(next))
		if i%100 == 0 && kept(r) > most {
			t.Fatalf("%d bytes after %d", kept(r), i)
		}
	}
	if got := kept(r); got < most*8/10 || got > most {
		t.Errorf("it keeps %d bytes of %d", got, most)
	}
	for i := range 100 * perChunk {
		next := fmt.Sprint(i)
		r.Add(0, &next, len(next))
	}
	if got := kept(r); got > most {
		t.Errorf("it keeps %d bytes", got)
	}
}

func kept(r *Ring[string]) (bytes int) {
	for _, e := range r.All() {
		bytes += len(e.Thing)
	}
	return bytes
}

// One thing that is too long for the ring is remembered nevertheless.
func TestTheLatestIsAlwaysKept(t *testing.T) {
	t.Parallel()
	r := newRing[string](10, 5, 1)
	for _, s := range []string{"a", "b", "too long"} {
		r.Add(0, &s, len(s))
	}
	if all := r.All(); all[len(all)-1].Thing != "too long" {
		t.Errorf("it holds %v", all)
	}
}

// Lanes fill side by side. A lane that rests keeps what it has, and what all add has numbers of its own.
func TestLanes(t *testing.T) {
	t.Parallel()
	r := newRing[int](200, 1<<40, 4)
	resting := -1
	r.Add(3, &resting, 8)
	var adding sync.WaitGroup
	for lane := range 3 {
		adding.Go(func() {
			for i := range 10_000 {
				thing := lane*10_000 + i
				r.Add(uint32(lane), &thing, 8)
			}
		})
	}
	adding.Wait()
	all, latest, seen := r.All(), [3]int{}, map[uint64]bool{}
	if len(all) < 200 || len(all) > 200+5*perChunk || all[0].Thing != resting {
		t.Errorf("it holds %d things, %+v first", len(all), all[0])
	}
	for _, e := range all {
		if seen[e.Number] {
			t.Errorf("the number %d twice", e.Number)
		}
		if seen[e.Number] = true; e.Thing == resting {
			continue
		}
		if lane := e.Thing / 10_000; e.Thing < latest[lane] {
			t.Errorf("%d after %d", e.Thing, latest[lane])
		} else {
			latest[lane] = e.Thing
		}
	}
}

// What was added can be changed as long as it is remembered, and nothing else is changed afterwards.
func TestUpdate(t *testing.T) {
	t.Parallel()
	r := newRing[int](1, 1<<40, 1)
	zero := 0
	number, at := r.Add(0, &zero, 8)
	at.Update(number, func(i *int) { *i = 100 })
	if all := r.All(); all[0].Thing != 100 {
		t.Errorf("it holds %v", all)
	}
	for range 3 * perChunk {
		r.Add(0, &zero, 8)
	}
	at.Update(number, func(i *int) { *i = 200 })
	for _, e := range r.All() {
		if e.Thing != 0 {
			t.Errorf("%v was changed", e)
		}
	}
	Place[int]{}.Update(1, func(*int) { t.Error("nowhere was changed") })
}

func BenchmarkAdd(b *testing.B) {
	r := newRing[[20]uint64](1<<16, 1<<40, 16)
	var lanes atomic.Uint32
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		lane, thing := lanes.Add(1), [20]uint64{}
		for p.Next() {
			r.Add(lane, &thing, 160)
		}
	})
}
