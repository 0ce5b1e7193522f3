// Package events is what happens on a node, as it is recorded and as it is shown. Package runtime offers its types as its own.
package events

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/eventid"
)

// ID identifies an event.
type ID = eventid.ID

// Kind says what an event in an actor's queue is.
type Kind uint8

// The kinds of events, each of which is handled in a turn of its own.
const (
	OnStart     Kind = iota // the actor's first turn
	OnMessage               // a message of another actor
	OnCall                  // a call through a runtime.Ref
	OnAnswer                // an awaited future is complete
	OnTimer                 // a runtime.Actor.Delay is over
	OnExit                  // a linked actor is gone
	OnTerminate             // the actor's last turn
	OnRequest               // a request from outside of the actor network, see runtime.DispatchRequest
)

var kindNames = [...]string{"start", "message", "call", "answer", "timer", "exit", "terminate", "request"}

// String names the kind as in traces.
func (k Kind) String() string { return kindNames[k] }

// Happening says what happened.
type Happening uint8

// What can happen.
const (
	Spawn   Happening = iota // an actor was spawned
	Send                     // a message was sent
	Enqueue                  // something was put into an actor's queue
	Deliver                  // its turn began
	Drop                     // it will not be handled
	Delay                    // a timer was booked
	Work                     // blocking work was begun
	Link                     // an actor linked to another
	Unlink                   // and took it back
	Break                    // the connection to another node broke
	Hear                     // an actor was told something otherwise than by a message
	Say                      // an actor said something otherwise than by a message
)

var eventNames = [...]string{
	"spawn", "send", "enqueue", "deliver", "drop", "delay", "work", "link", "unlink", "break", "hear", "say",
}

// String names the kind.
func (k Happening) String() string { return eventNames[k] }

// Event is one thing that happened on a node.
type Event struct {
	ID      ID
	Cause   ID            // the event that led to it: what was produced in a turn names the turn's Deliver
	Time    time.Time     // of a send beyond the first of a turn it may be that of one shortly before
	Took    time.Duration // of Deliver, as remembered: how long the turn took; 0: it is not over, or nobody looked
	Kind    Happening
	What    Kind // of Enqueue, Deliver, Drop: what it is
	From    PID
	To      PID
	Name    string        // the message, or the function
	Note    string        // the reason of a drop, the duration of a delay
	Message proto.Message // if it is known; it must not be changed
	Body    []byte        // of a message that nobody has decoded
}
