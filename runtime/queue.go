package runtime

import (
	"fmt"
	"iter"
)

// Queue counts the events that wait for an actor, by what they are.
type Queue struct {
	Messages   int
	Dispatches int // calls, answers and timers
	Requests   int // from outside, HTTP
	Exits      int
}

// Queued counts what waits behind the current event. It looks at every event, so it is for metrics, not for decisions.
func (a *Actor) Queued() Queue {
	a.onTurn()
	var q Queue
	for it := range a.mailbox.queue.Waiting {
		q.add(it)
	}
	return q
}

func (q *Queue) add(it *item) {
	switch it.kind {
	case OnMessage:
		q.Messages++
	case OnExit:
		q.Exits++
	case OnRequest:
		q.Requests++
	default:
		q.Dispatches++
	}
}

// Waiting is an event in an actor's queue.
type Waiting struct {
	Kind  Kind
	Name  string       // of a message; what traces call a function
	From  PID          // of a message: its sender
	About fmt.Stringer // of a request: what was given to [DispatchRequest]
}

// QueueOf yields what waits behind the current event of b, on whose turn it must be called. What others add waits until the
// loop is over.
func QueueOf(b Behavior) iter.Seq[Waiting] {
	return func(yield func(Waiting) bool) {
		for it := range b.base().mailbox.queue.Waiting {
			w := Waiting{Kind: it.kind, Name: it.name(), From: it.from}
			if r, ok := it.payload.(request); ok {
				w.About = r.subject()
			}
			if !yield(w) {
				return
			}
		}
	}
}
