package book

import (
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Connection is how the scheduler of a framework is reached: as an actor, by libprocess's messages, or over HTTP, by
// events on a stream. The zero Connection is of a scheduler that never came, or whose stream ended.
type Connection struct {
	PID    runtime.PID // also after the scheduler disconnected: it may be talking still
	Stream Stream
}

// Stream takes the events of a scheduler that speaks HTTP.
type Stream interface {
	// ID proves that a call comes from who reads the stream.
	ID() string
	// Send writes an event.
	Send(*schedulerpb.Event)
	// Begin lets the stream say that it is alive, at once and then again and again, and calls beat each time.
	Begin(beat func())
	// Gone is ready when the scheduler does not read any more.
	Gone() runtime.Future[struct{}]
	// Close ends the stream after what was written. It may be called again.
	Close()
}

// IsHTTP reports whether the scheduler speaks HTTP, and is there.
func (c Connection) IsHTTP() bool { return c.Stream != nil }
