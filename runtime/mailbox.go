package runtime

import (
	"sync"
	"sync/atomic"
)

// item is an event on its way to an actor. It is a plain value of one cache line.
type item struct {
	kind    Kind
	cause   EventID // when traced: the event that put it there
	from    PID     // of a message: its sender; of an exit: who exited; of a continuation: whom it answers
	payload any
}

// What the payload is, by kind:
//
//	OnMessage                  proto.Message, or *raw when it was not decoded
//	OnCall, OnAnswer, OnTimer  call
//	OnExit                     uint64, the Link it ends
//	OnStart, OnTerminate       nil

// raw is a message as bytes.
type raw struct {
	name string
	body []byte
}

// call is something to run, for somebody who may wait for it.
type call interface {
	run()
	// drop tells who waits that it will not run.
	drop(err error)
	// code is the entry of the function it runs, to name it by.
	code() uintptr
}

// The queue of an actor starts with no buffer, may keep a small one while idle, and borrows larger ones.
const (
	smallBuffer = 4
	largeBuffer = 64
	hugeBuffer  = 4096
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]item) }}

// mailbox is the one queue of an actor. Producers append to in; the consumer, of which there is one at a time, works
// through out and swaps the two when it is done.
type mailbox struct {
	actor *Actor

	mu        sync.Mutex
	in        []item
	active    bool // scheduled or running
	closed    bool
	onClose   []func()
	stop      atomic.Bool // terminate before anything else
	undecoded atomic.Bool // messages from the wire stay bytes
	absent    atomic.Bool // nobody is found under the name any more
	departed  bool        // and everybody has been told

	out []item // the consumer's
	at  int
}

// put appends it. It reports false when the actor has terminated.
func (m *mailbox) put(it item) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	if len(m.in) == cap(m.in) {
		m.grow()
	}
	m.in = append(m.in, it)
	wake := !m.active
	m.active = true
	m.mu.Unlock()
	if wake {
		m.actor.node.scheduler.Schedule(m)
	}
	return true
}

// grow makes in larger. Up to smallBuffer and beyond largeBuffer append knows how to.
func (m *mailbox) grow() {
	if len(m.in) == smallBuffer {
		buffer := append(largeBuffers.Get().(*[largeBuffer]item)[:0], m.in...)
		clear(m.in)
		m.in = buffer
	}
}

// release gives back a large buffer.
func release(buffer []item) []item {
	if cap(buffer) <= smallBuffer {
		return buffer[:0]
	}
	if cap(buffer) == largeBuffer {
		largeBuffers.Put((*[largeBuffer]item)(buffer[:largeBuffer]))
	}
	return nil
}

// interrupt makes the next turn the last one (libprocess: terminate with inject).
func (m *mailbox) interrupt(cause EventID) {
	m.stop.Store(true)
	m.actor.node.put(m.actor, item{kind: OnTerminate, cause: cause}) // wakes it
}

// Run implements [Task].
func (m *mailbox) Run(max int) (more bool) {
	a := m.actor
	defer a.caught()
	for turns := 1; ; turns++ {
		it := m.next()
		if it == nil {
			return false
		}
		if it.kind == OnTerminate || it.kind != OnStart && m.stop.Load() {
			a.terminate(it)
			return false
		}
		a.take(it)
		*it = item{}
		if turns == max {
			return true
		}
	}
}

// next returns the first event, which stays in its buffer during its turn, or puts the actor to rest.
func (m *mailbox) next() *item {
	if m.at == len(m.out) && m.rest() {
		return nil
	}
	if m.at == len(m.out) {
		m.mu.Lock()
		m.in, m.out, m.at = m.recycled(), m.in, 0
		m.mu.Unlock()
	}
	it := &m.out[m.at]
	m.at++
	return it
}

// recycled is the consumed buffer, to be filled again, unless it grew out of proportion.
func (m *mailbox) recycled() []item {
	if cap(m.out) > hugeBuffer && len(m.out) < cap(m.out)/4 {
		return nil
	}
	return m.out[:0]
}

// rest ends the activation if there is nothing to do.
func (m *mailbox) rest() bool {
	if m.at < len(m.out) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.in) > 0 {
		return false
	}
	m.in, m.out, m.at = release(m.in), release(m.out), 0
	m.active = false
	return true
}

// close refuses what comes from now on and returns what was queued.
func (m *mailbox) close() (queued []item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	queued = append(append(queued, m.out[m.at:]...), m.in...)
	m.in, m.out, m.at = nil, nil, 0
	return queued
}

// depart ends what remains of the actor and calls who wanted to know.
func (m *mailbox) depart() {
	m.mu.Lock()
	m.departed = true
	told := m.onClose
	m.onClose = nil
	m.mu.Unlock()
	for _, f := range told {
		f()
	}
}

// gone reports whether the actor has finished terminating.
func (m *mailbox) gone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.departed
}

// onClosed runs f when the actor has terminated; it reports false, and does not, if it has already.
func (m *mailbox) onClosed(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.departed {
		return false
	}
	m.onClose = append(m.onClose, f)
	return true
}
