package runtime

import (
	"errors"
	"sync"
)

// ErrStreamClosed is returned by Write on a stream whose reader or writer has closed it.
var ErrStreamClosed = errors.New("runtime: stream closed")

// Stream is a pipe from an actor to an HTTP client: each Write is one chunk of the response. Write never blocks.
// Buffered tells how far the client lags; one that lags by more than 64 MiB, after the chunk that it is at, counts as
// gone.
//
// Differs: libprocess's pipes have no limit; this one has, because a client that stalls must not cost the node its memory.
type Stream struct {
	mu       sync.Mutex
	chunks   [][]byte
	buffered int
	closed   bool
	gone     bool
	wake     chan struct{}
	onGone   []func()
	onTaken  []func()
	cut      func() // ends the connection; nil before a wire takes the stream
}

const mostBuffered = 64 << 20

// NewStream returns an open stream.
func NewStream() *Stream { return &Stream{wake: make(chan struct{}, 1)} }

// Write queues chunk, which must not be changed afterwards.
func (s *Stream) Write(chunk []byte) error {
	lags, err := s.queue(chunk)
	if lags {
		s.Cut()
	}
	return err
}

// Cut ends the response at once, and the connection with it, whatever the client has still to read.
func (s *Stream) Cut() {
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	if cut != nil {
		cut()
	}
	s.Abandon()
}

// queue reports whether the client lags too far.
func (s *Stream) queue(chunk []byte) (lags bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.gone {
		return false, ErrStreamClosed
	}
	if s.cut != nil && len(s.chunks) > 0 && s.buffered-len(s.chunks[0])+len(chunk) > mostBuffered {
		return true, ErrStreamClosed
	}
	s.chunks = append(s.chunks, chunk)
	s.buffered += len(chunk)
	s.signal()
	return false, nil
}

// Buffered is the number of bytes written but not yet taken by the wire.
func (s *Stream) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffered
}

// Taken completes when the wire has taken all that was written so far, or the client has gone.
func (s *Stream) Taken() Future[struct{}] {
	p := NewPromise[struct{}]()
	s.mu.Lock()
	taken := s.buffered == 0
	if !taken {
		s.onTaken = append(s.onTaken, func() { p.Set(struct{}{}) })
	}
	s.mu.Unlock()
	if taken {
		p.Set(struct{}{})
	}
	return p.Future()
}

// Close ends the response after what was written.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.signal()
}

// Gone completes when the client went away, or at once if it has. A client that ends its side of the connection counts
// as gone if somebody asks; else it is gone when nothing can be written to it.
func (s *Stream) Gone() Future[struct{}] {
	p := NewPromise[struct{}]()
	s.mu.Lock()
	gone := s.gone
	if !gone {
		s.onGone = append(s.onGone, func() { p.Set(struct{}{}) })
	}
	s.mu.Unlock()
	if gone {
		p.Set(struct{}{})
	}
	return p.Future()
}

// Take is for wires: it returns what was written since the last call and whether the stream has ended. Wait for Ready
// between calls.
func (s *Stream) Take() (chunks [][]byte, done bool) {
	s.mu.Lock()
	chunks, s.chunks, s.buffered = s.chunks, nil, 0
	waiting := s.onTaken
	s.onTaken, done = nil, s.closed
	s.mu.Unlock()
	for _, f := range waiting {
		f()
	}
	return chunks, done
}

// Ready is for wires: it receives when Take has something new to say.
func (s *Stream) Ready() <-chan struct{} { return s.wake }

// Attach is for wires: cut is called when the client must go, because it lags too far.
func (s *Stream) Attach(cut func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cut
}

// Watched is for wires: it reports whether somebody waits for the client to go.
func (s *Stream) Watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.onGone) > 0
}

// Abandon is for wires: the client went away.
func (s *Stream) Abandon() {
	s.mu.Lock()
	told := s.gone
	s.gone = true
	s.chunks, s.buffered = nil, 0
	waiting := append(s.onGone, s.onTaken...)
	s.onGone, s.onTaken = nil, nil
	s.mu.Unlock()
	if told {
		return
	}
	for _, f := range waiting {
		f()
	}
}

func (s *Stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
