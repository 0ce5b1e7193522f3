package book

import (
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Connection is the way to reach a framework's scheduler: a PID for libprocess messages, or a stream for events over
// HTTP. The zero Connection belongs to a scheduler that never came or whose stream ended.
type Connection struct {
	PID    runtime.PID // kept after the driver disconnected, because it may still send messages
	Stream Stream
}

// Stream is the stream of events to a scheduler that uses HTTP.
type Stream interface {
	// ID is required in calls, to prove that the caller reads the stream.
	ID() string
	// Send writes an event.
	Send(*schedulerpb.Event)
	// Begin makes the stream send heartbeats, at once and then periodically. It calls beat for each.
	Begin(beat func())
	// Gone is ready when the client stopped reading.
	Gone() runtime.Future[struct{}]
	// Close ends the stream after what was written. It may be called several times.
	Close()
}

// IsHTTP reports whether the scheduler uses HTTP and is connected.
func (c Connection) IsHTTP() bool { return c.Stream != nil }
