package runtime

import (
	"sync"
)

// item is an event on its way to an actor. It is a plain value of one cache line.
type item struct {
	kind    Kind
	cause   uint64 // when traced: the number of the event, of this node, that put it there
	from    PID    // of a message: its sender; of an exit: who exited; of a continuation: whom it answers
	payload any
}

// What the payload is, by kind:
//
//	OnMessage                  proto.Message, or *raw when it was not decoded
//	OnCall, OnAnswer, OnTimer  call
//	OnRequest                  request
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

// An idle actor may keep a small buffer; a busy one borrows large ones.
const (
	smallBuffer = 4
	largeBuffer = 64
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]item) }}

// mailbox is the one queue of an actor. Producers append to in, and when that is full to further buffers; the consumer,
// of which there is one at a time, takes over what they filled and works through it without the lock.
type mailbox struct {
	actor *Actor

	mu       sync.Mutex
	active   bool // scheduled or running
	closed   bool
	departed bool // closed, and everybody has been told
	in       []item
	full     [][]item // before in
	onClose  []func()

	out  []item // the consumer's, up to at consumed
	at   int
	then [][]item // after out
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

// begin says what spawned the actor, which is known only when its id is its own. Until then nobody takes what is queued.
func (m *mailbox) begin(cause EventID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.in
	if len(m.full) > 0 {
		first = m.full[0]
	}
	first[0].cause = cause.Seq
}

// grow makes room in in. Small buffers are left to append.
func (m *mailbox) grow() {
	if len(m.in) >= smallBuffer {
		m.full = append(m.full, m.in)
		m.in = largeBuffers.Get().(*[largeBuffer]item)[:0]
	}
}

// recycle returns what may be kept of a consumed buffer by an actor that has nothing to do.
func recycle(buffer []item) []item {
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
	m.actor.flags.stop.Store(true)
	m.actor.node.put(m.actor, item{kind: OnTerminate}, cause) // wakes it
}

// Run implements [Task].
func (m *mailbox) Run(max int) (more bool) {
	returned := false
	defer m.actor.caught(&returned)
	if checksTurns {
		defer enterTurns(m.actor)()
	}
	more = m.turns(max)
	returned = true
	return more
}

// turns takes at most max turns, 0 for all there are.
func (m *mailbox) turns(max int) (more bool) {
	a := m.actor
	for turns := 1; ; turns++ {
		it := m.next()
		if it == nil {
			return false
		}
		if it.kind == OnTerminate || it.kind != OnStart && a.flags.stop.Load() {
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
	if m.at == len(m.out) && !m.refill() {
		return nil
	}
	it := &m.out[m.at]
	m.at++
	return it
}

// refill takes over the next buffer. If there is none the activation ends.
func (m *mailbox) refill() bool {
	m.at = 0
	if len(m.then) > 0 {
		recycle(m.out)
		m.out, m.then[0] = m.then[0], nil
		m.then = m.then[1:]
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(m.full) > 0:
		recycle(m.out)
		m.out, m.then, m.full = m.full[0], m.full[1:], nil
	case len(m.in) > 0:
		m.in, m.out = m.out[:0], m.in
	default:
		m.in, m.out, m.then = recycle(m.in), recycle(m.out), nil
		m.active = false
		return false
	}
	return true
}

// close refuses what comes from now on and returns what was queued.
func (m *mailbox) close() (queued []item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	queued = append(queued, m.out[m.at:]...)
	for _, buffer := range append(m.then, m.full...) {
		queued = append(queued, buffer...)
	}
	queued = append(queued, m.in...)
	m.full, m.in, m.out, m.at, m.then = nil, nil, nil, 0, nil
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
