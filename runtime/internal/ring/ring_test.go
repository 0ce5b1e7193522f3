package ring

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"weak"
)

func newRing[T any](most, mostBytes, lanes int) *Ring[T] {
	return New[T](most, mostBytes, lanes, new(atomic.Uint64), 2, nil)
}

// Whatever the size, the ring holds the latest things in order, few others, and takes memory only as they come.
func TestTheLatestAreKept(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 63, 64, 65, 200, 1 << 40} {
		r := newRing[int](size, 1<<40, 1)
		for i := range 500 {
			if number, _ := r.Add(7, &i, 8); number != uint64(2*i+1) {
				t.Fatalf("thing %d has the number %d", i, number)
			}
			all := r.All()
			if least := min(i+1, size); len(all) < least || len(all) > least+2*perChunk {
				t.Fatalf("a ring of %d holds %d of %d things", size, len(all), i+1)
			}
			for j, got := range all {
				if want := i - len(all) + 1 + j; got.Thing != want || got.Number != uint64(2*want+1) {
					t.Fatalf("a ring of %d has %+v at %d after %d", size, got, j, i)
				}
			}
		}
		if r.known > 8 {
			t.Errorf("a ring of %d has %d chunks for 500 things", size, r.known)
		}
	}
}

// The latest things are kept whichever lanes added them, be it now and then or one after the other: what a lane that rests added
// last is not forgotten with what it added long before.
func TestTheLatestOfLanesThatRestAreKept(t *testing.T) {
	t.Parallel()
	const lanes, most = 4, 16 * perChunk
	for _, every := range []int{2, 7, 50} { // things, of which one is of another lane than the others
		r := newRing[int](most, 1<<40, lanes)
		for i := range 8 * perChunk * every {
			by := uint32(0)
			if i%every == 0 {
				by = uint32(1 + i/every%(lanes-1))
			}
			r.Add(by, &i, 8)
			if i%97 > 0 {
				continue
			}
			kept := map[int]bool{}
			for _, e := range r.All() {
				kept[e.Thing] = true
			}
			for j := max(0, i+1-most); j <= i; j++ {
				if !kept[j] {
					t.Fatalf("one of %d: of %d things, number %d is forgotten, and %d are kept", every, i+1, j, len(kept))
				}
			}
		}
	}
}

// Where bytes are the bound, it is known since when nothing is missing.
func TestSince(t *testing.T) {
	t.Parallel()
	const lanes, cost = 4, 1 << 10
	r := New(1<<20, 16*perChunk*cost, lanes, new(atomic.Uint64), 1, func(i *int) int64 { return int64(*i) })
	for i := range 8 * perChunk * 7 {
		by := uint32(0)
		if i%7 == 0 {
			by = uint32(1 + i/7%(lanes-1))
		}
		r.Add(by, &i, cost)
		if i%97 > 0 {
			continue
		}
		kept := map[int]bool{}
		for _, e := range r.All() {
			kept[e.Thing] = true
		}
		for j := int(r.Since()) + 1; j <= i; j++ {
			if !kept[j] {
				t.Fatalf("of %d things, number %d is forgotten, after %d", i+1, j, r.Since())
			}
		}
	}
	if since := r.Since(); since < perChunk*7 || since > 8*perChunk*7-8*perChunk {
		t.Errorf("nothing is forgotten since %d of %d", since, 8*perChunk*7)
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

// long is something that costs much.
type long [64 << 10]byte

// all counts those long things that are in memory.
type all []weak.Pointer[long]

func (a *all) next() *long {
	thing := new(long)
	*a = append(*a, weak.Make(thing))
	return thing
}

func (a *all) alive() (n int) {
	runtime.GC()
	for _, p := range *a {
		if p.Value() != nil {
			n++
		}
	}
	return n
}

// What was forgotten is not in memory, wherever in a chunk it was, even if somebody knows its place.
func TestWhatIsForgottenIsNotKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ most, short int }{
		"each in a chunk of its own":      {16, 0},
		"each the next one of a chunk":    {128, perChunk},
		"few among many that cost little": {128, 5*perChunk + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRing[*long](1<<20, c.most*(64<<10), 4)
			var made all
			var places []Place[*long]
			for i := range 20 * c.most {
				for range i % (c.short + 1) {
					var short *long
					r.Add(uint32(i), &short, 8)
				}
				next := made.next()
				_, at := r.Add(uint32(i), &next, 64<<10)
				places = append(places, at)
				if i%c.most != 0 {
					continue
				}
				if n := made.alive(); n > c.most {
					t.Fatalf("%d of %d are kept", n, i)
				}
			}
			if n := made.alive(); n < c.most/2 {
				t.Errorf("%d are kept", n)
			}
			runtime.KeepAlive(places)
		})
	}
}

// A place keeps its own chunk at most, and nothing of what came before and after.
func TestAPlaceKeepsItsChunkOnly(t *testing.T) {
	t.Parallel()
	r := newRing[int](1<<20, 1<<20, 1)
	chunks := map[weak.Pointer[chunk[int]]]bool{}
	var places []Place[int]
	add := func(cost int) {
		_, at := r.Add(0, new(int), cost)
		chunks[weak.Make(at.chunk)] = true
		if len(chunks)%100 == 50 {
			places = append(places[:0], at)
		}
	}
	for range 10 {
		for range 50 * perChunk {
			add(8)
		}
		for range 50 {
			add(1 << 16) // many chunks go at once
		}
	}
	runtime.GC()
	alive := 0
	for c := range chunks {
		if c.Value() != nil {
			alive++
		}
	}
	if len(chunks) < 500 || alive > r.known+1 {
		t.Errorf("%d of %d chunks are in memory, and the ring has %d", alive, len(chunks), r.known)
	}
	runtime.KeepAlive(places)
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
	if len(all) < 200 || len(all) > 200+8*perChunk || all[0].Thing != resting {
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
	_, at := r.Add(0, &zero, 8)
	at.Update(func(i *int) { *i = 100 })
	if all := r.All(); all[0].Thing != 100 {
		t.Errorf("it holds %v", all)
	}
	for range 3 * perChunk {
		r.Add(0, &zero, 8)
	}
	at.Update(func(i *int) { *i = 200 })
	for _, e := range r.All() {
		if e.Thing != 0 {
			t.Errorf("%v was changed", e)
		}
	}
	Place[int]{}.Update(func(*int) { t.Error("nowhere was changed") })
}

// What was added before is over when the next comes, in the same chunk or another one; if it is forgotten, nothing is changed.
func TestAddAfter(t *testing.T) {
	t.Parallel()
	for _, lanes := range []int{1, 3} {
		r := newRing[int](1<<20, 1<<40, lanes)
		var before Place[int]
		for i := range 3 * perChunk {
			_, before = r.AddAfter(uint32(i), &i, 8, before, func(thing *int, now int64) { *thing -= int(now) }, int64(i))
		}
		for _, e := range r.All() { // each is one less than what ended it, but the last
			if e.Thing != -1 && e.Thing != 3*perChunk-1 {
				t.Errorf("with %d lanes the thing %d is %d", lanes, e.Number, e.Thing)
			}
		}
	}
	r := newRing[int](1, 1<<40, 1)
	_, old := r.Add(0, new(int), 8)
	for range 5 * perChunk {
		r.Add(0, new(int), 8)
	}
	r.AddAfter(0, new(int), 8, old, func(*int, int64) { t.Error("what is forgotten was changed") }, 1)
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
