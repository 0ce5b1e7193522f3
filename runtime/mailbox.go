package runtime

import (
	"sync/atomic"

	"meseta/runtime/internal/departure"
	"meseta/runtime/internal/events"
	"meseta/runtime/internal/queue"
	"meseta/runtime/internal/turns"
)

// item is an event on its way to an actor. It is a plain value of one cache line.
type item struct {
	kind    Kind
	size    uint32 // of a message, in bytes on the wire, if it is known
	cause   uint64 // when traced: the number of the event, of this node, that put it there
	from    PID    // of a message, its sender; of an exit, the actor that exited; of a continuation, the sender that it answers
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
type raw = events.Raw

// call is a function to run, whose result a caller may await.
type call interface {
	run()
	// drop fails the future of a call that will not run.
	drop(err error)
	// code is the entry of the function it runs, to name it by.
	code() uintptr
}

// mailbox is the one queue of an actor, and its end.
type mailbox struct {
	actor *Actor
	end   departure.Departure
	queue queue.Queue[item]
	line  atomic.Uint32 // in which it ran last, for the scheduler
}

// buffers are what busy actors borrow.
var buffers queue.Buffers[item]

// put appends it; m will best run where near did last. It reports false when the actor has terminated.
func (m *mailbox) put(it *item, near *Actor) bool {
	wake, ok := m.queue.Put(it)
	if wake {
		m.actor.node.scheduler.Schedule(m, near.mailbox.line.Load())
	}
	return ok
}

// interrupt makes the next turn the last one (libprocess: terminate with inject).
func (m *mailbox) interrupt(cause EventID) {
	m.actor.flags.stop.Store(true)
	m.actor.node.put(m.actor, item{kind: OnTerminate}, cause) // wakes it
}

// Run implements [Task].
func (m *mailbox) Run(line uint32, max int) (more bool) {
	returned := false
	defer m.actor.caught(&returned)
	if m.line.Load() != line {
		m.line.Store(line)
	}
	if turns.Checked {
		defer turns.Enter(m.actor)()
	}
	more = m.turns(max)
	returned = true
	return more
}

// turns takes at most max turns, 0 for all there are. A traced turn ends where the next one begins, and before m may be idle:
// then another goroutine may take the next one.
func (m *mailbox) turns(max int) (more bool) {
	a := m.actor
	for turns := 1; ; turns++ {
		if !m.queue.AtHand() {
			a.endTurn()
		}
		it := m.queue.Next()
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
			a.endTurn()
			return true
		}
	}
}
