package runtime

import (
	"context"

	"google.golang.org/protobuf/proto"
)

// Envelope is one message between two actors on different nodes.
type Envelope struct {
	From, To PID
	Name     string        // the message's protobuf full name, or any name for a raw message
	Message  proto.Message // nil when only Body is known
	Body     []byte        // the encoded message; nil when only Message is known
	Cause    EventID       // the event of its sending; zero when that is not traced
	Came     int64         // when it came, as Node.Moment told for some of those that were read together; 0: when it is delivered
	Size     uint32        // of Message, encoded, in bytes, where proto.Size, or SizeVT of fast code, has just been called; else 0
}

// Wire carries envelopes between this node and others. Implementations: package libprocess (HTTP/1.1, speaks with C++
// nodes), package sim (virtual network). A Wire delivers at most once, and in order per pair of nodes while a
// connection lives.
type Wire interface {
	// Addr is the advertised "ip:port" of this node.
	Addr() string
	// Start begins to deliver to r. It is called once.
	Start(r Receiver) error
	// Send hands over an envelope and does not block. What cannot be encoded is refused by Receiver.Refused, and what
	// cannot be delivered is given to Receiver.Dropped, once each.
	Send(Envelope)
	// Link makes sure there is a persistent connection to addr, and says which one. When that breaks, or cannot be made,
	// Receiver.Exited is called once, perhaps before Link returns.
	Link(addr string) Connection
	// Relink drops the persistent connection to addr without telling, makes a new one, and says which.
	Relink(addr string) Connection
	// Close ends all connections and stops delivering.
	Close(ctx context.Context) error
}

// Connection numbers the connections that a wire makes, in the order in which it makes them. Zero is none: the wire is
// closed.
type Connection uint64

// Receiver is what a node offers to its wire. Its methods do not block and may be called from any goroutine.
type Receiver interface {
	// Deliver enqueues a message for a local actor, and keeps nothing of the envelope's Body. It reports false, and traces
	// the drop, when there is no such actor.
	Deliver(Envelope) bool
	// Dropped traces that a message will not be delivered, and why.
	Dropped(e Envelope, why string)
	// Refused logs and traces that a message was not sent because it cannot be encoded.
	Refused(e Envelope, err error)
	// Exited tells that a persistent connection to addr broke. Later ones are not concerned, even if this comes late.
	Exited(addr string, c Connection)
}
