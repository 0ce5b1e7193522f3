// Package ring remembers the latest of many things that happen on many goroutines at once, bounded in number and in bytes.
//
// Things are added by lanes, so that goroutines which add to different lanes do not meet: a lane fills a chunk that is its
// own, and only when that is full it asks for another, which everybody shares the supply of.
package ring

import (
	"cmp"
	"sync"
	"sync/atomic"
)

// perChunk is how many things a chunk holds.
const perChunk = 128

// Ring is the latest things that were added. Its methods may be called from any goroutine.
type Ring[T any] struct {
	most, mostBytes int
	numbers         *atomic.Uint64
	each            uint64 // numbers of a thing
	lanes           []lane[T]
	when            func(*T) int64 // grows in a lane; nil: nobody asks

	mu    sync.Mutex // before those of chunks
	known int        // number of chunks, from
	first *chunk[T]  // to
	last  *chunk[T]  // in the order in which they were filled; those that lanes fill are where they were begun
	full  int        // things in chunks that no lane fills
	bytes int        // and what they cost
	since int64      // the latest time of what was forgotten
}

type lane[T any] struct {
	filling atomic.Pointer[chunk[T]]
	_       [56]byte // lanes do not share a cache line
}

// chunk is things that were added by one lane, one after the other.
type chunk[T any] struct {
	before, after *chunk[T] // guarded by the ring

	mu     sync.Mutex
	first  uint64 // the number of the first one
	count  int
	bytes  int
	closed bool // no lane fills it
	things [perChunk]T
}

// Place is where a thing was put. The zero Place is nowhere.
type Place[T any] struct {
	chunk *chunk[T]
	index int
	first uint64 // the chunk's, until it is filled again
}

// New returns a ring of the latest most things, which must be positive, that cost no more than mostBytes, or than the latest
// one if that costs more. They are numbered by numbers, from its value plus one on, each has so many numbers in a row, and they are
// added by so many lanes. when, which may be nil, is the time of a thing, for [Ring.Since]. It takes memory as they come.
func New[T any](most, mostBytes, lanes int, numbers *atomic.Uint64, each int, when func(*T) int64) *Ring[T] {
	most += (lanes - 1) * perChunk // that may be older than the latest, in chunks with some of them
	return &Ring[T]{most: most, mostBytes: mostBytes, numbers: numbers, each: uint64(each), lanes: make([]lane[T], lanes), when: when}
}

// Add remembers *thing, which costs so many bytes, and returns its first number. It does not keep the pointer. The numbers of
// one lane grow.
func (r *Ring[T]) Add(by uint32, thing *T, cost int) (number uint64, at Place[T]) {
	return r.AddAfter(by, thing, cost, Place[T]{}, nil, 0)
}

// AddAfter is Add, and calls over with what was put at before, if that is remembered still, and now. It costs little more than
// Add where both are in one chunk, as they often are when one lane adds them.
func (r *Ring[T]) AddAfter(by uint32, thing *T, cost int, before Place[T], over func(*T, int64), now int64) (number uint64, at Place[T]) {
	l := &r.lanes[by%uint32(len(r.lanes))]
	for {
		c := l.filling.Load()
		if c == nil {
			r.renew(l, nil)
			continue
		}
		c.mu.Lock()
		if c.closed || c.count == perChunk || c.count > 0 && c.bytes+cost > r.share() {
			c.mu.Unlock()
			r.renew(l, c)
			continue
		}
		if before.chunk == c {
			if c.has(before) {
				over(&c.things[before.index], now)
			}
			before.chunk = nil
		}
		i := c.count
		c.things[i] = *thing
		c.count++
		c.bytes += cost
		first, large := c.first, c.bytes > r.share()
		c.mu.Unlock()
		if large {
			r.renew(l, c)
		}
		if before.chunk != nil {
			before.Update(func(b *T) { over(b, now) })
		}
		return first + uint64(i)*r.each, Place[T]{c, i, first}
	}
}

// has reports whether c holds still what was put there.
func (c *chunk[T]) has(p Place[T]) bool { return c.first == p.first && p.index < c.count }

// share is how many bytes a chunk may have that a lane fills. One thing that costs more has a chunk for itself, which is full then.
func (r *Ring[T]) share() int { return r.mostBytes / perChunk }

// Update lets f change what was put at a place, if it is remembered still.
func (p Place[T]) Update(f func(*T)) {
	if p.chunk == nil {
		return
	}
	p.chunk.mu.Lock()
	defer p.chunk.mu.Unlock()
	if p.chunk.has(p) {
		f(&p.chunk.things[p.index])
	}
}

// renew gives l another chunk to fill than before, if it has none.
func (r *Ring[T]) renew(l *lane[T], before *chunk[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.filling.Load() != before {
		return // another goroutine did it
	}
	if before != nil {
		before.mu.Lock()
		before.closed = true
		r.full += before.count
		r.bytes += before.bytes
		before.mu.Unlock()
		r.remove(before) // if its lane rests now and then, it was begun long ago, and its last things are new
		r.append(before)
	}
	next := r.forget(before)
	if next == nil {
		next = &chunk[T]{}
	}
	next.mu.Lock()
	next.first = r.numbers.Add(perChunk*r.each) - perChunk*r.each + 1
	next.closed = false
	next.mu.Unlock()
	r.append(next)
	l.filling.Store(next)
}

// append makes c the last chunk.
func (r *Ring[T]) append(c *chunk[T]) {
	c.before, c.after = r.last, nil
	if r.last == nil {
		r.first = c
	} else {
		r.last.after = c
	}
	r.last = c
	r.known++
}

// remove takes c out. It costs as much wherever c is: where a lane rests, its chunk stays before those that come and go.
func (r *Ring[T]) remove(c *chunk[T]) {
	if c.before == nil {
		r.first = c.after
	} else {
		c.before.after = c.after
	}
	if c.after == nil {
		r.last = c.before
	} else {
		c.after.before = c.before
	}
	c.before, c.after = nil, nil // a Place may keep c
	r.known--
}

// forget empties the chunks that were filled first and of which nothing must be kept, except for the latest, and returns one to fill
// again, if there is one. What is in the others is let go of, since a Place may keep a chunk, and so is what cost much, since it may
// be long until it is overwritten.
func (r *Ring[T]) forget(latest *chunk[T]) (emptied *chunk[T]) {
	for c, after := r.first, (*chunk[T])(nil); c != nil; c = after {
		after = c.after
		c.mu.Lock()
		enough := r.full-c.count < r.most && r.bytes <= r.mostBytes-len(r.lanes)*r.share()
		if enough || !c.closed || c == latest {
			c.mu.Unlock()
			if enough {
				break
			}
			continue
		}
		if r.when != nil && c.count > 0 {
			r.since = max(r.since, r.when(&c.things[c.count-1]))
		}
		r.full -= c.count
		r.bytes -= c.bytes
		if emptied != nil || c.bytes > r.share()/16 {
			clear(c.things[:])
		}
		c.first, c.count, c.bytes = 0, 0, 0
		c.mu.Unlock()
		r.remove(c)
		emptied = cmp.Or(emptied, c)
	}
	return emptied
}

// Since returns the time after which nothing was forgotten. What is older is remembered in part, if chunks with newer things hold it.
func (r *Ring[T]) Since() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since
}

// Entry is a thing with its first number.
type Entry[T any] struct {
	Number uint64
	Thing  T
}

// All returns what is remembered: at least the latest so many things as the ring holds, and what lanes that rest keep. What
// one lane added is in order.
func (r *Ring[T]) All() []Entry[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Entry[T], 0, r.full+len(r.lanes)*perChunk)
	for c := r.first; c != nil; c = c.after {
		c.mu.Lock()
		for i := range c.count {
			all = append(all, Entry[T]{c.first + uint64(i)*r.each, c.things[i]})
		}
		c.mu.Unlock()
	}
	return all
}
