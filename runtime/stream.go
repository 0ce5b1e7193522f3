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
	mu      sync.Mutex
	waiting []Piece
	waits   int // bytes that wait
	current int // bytes of the first piece of which the client has not all
	rest    int // bytes of the other pieces that the wire has taken
	closed  bool
	gone    bool
	wake    chan struct{}
	onGone  []func()
	onTaken []func()
	cut     func() // ends the connection; nil before a wire takes the stream
}

const mostBuffered = 64 << 20

// Piece is what was written at once: a chunk, or chunks that other streams have too.
type Piece struct {
	Chunk  []byte
	Shared *Chunks // if not nil, this instead
}

func (p Piece) size() int {
	if p.Shared != nil {
		return p.Shared.size
	}
	return len(p.Chunk)
}

// Chunks are written to many streams at once. What a wire makes of them it makes once.
type Chunks struct {
	all     [][]byte
	size    int
	once    sync.Once
	encoded []byte
}

// NewChunks returns chunks, which must not be changed afterwards.
func NewChunks(all [][]byte) *Chunks {
	c := &Chunks{all: all}
	for _, chunk := range all {
		c.size += len(chunk)
	}
	return c
}

// All are the chunks, in order.
func (c *Chunks) All() [][]byte { return c.all }

// Size is how many bytes they have.
func (c *Chunks) Size() int { return c.size }

// Encoded is for wires: it returns what encode made of the chunks for the first that asked.
func (c *Chunks) Encoded(encode func(chunks [][]byte) []byte) []byte {
	c.once.Do(func() { c.encoded = encode(c.all) })
	return c.encoded
}

// NewStream returns an open stream.
func NewStream() *Stream { return &Stream{wake: make(chan struct{}, 1)} }

// Write queues chunk, which must not be changed afterwards.
func (s *Stream) Write(chunk []byte) error { return s.write(Piece{Chunk: chunk}) }

// WriteShared queues chunks, as so many calls of Write would.
func (s *Stream) WriteShared(chunks *Chunks) error { return s.write(Piece{Shared: chunks}) }

func (s *Stream) write(p Piece) error {
	lags, err := s.queue(p)
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
func (s *Stream) queue(p Piece) (lags bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.gone {
		return false, ErrStreamClosed
	}
	size := p.size()
	if s.cut != nil && s.behind() > 0 && s.behind()-s.at()+size > mostBuffered {
		return true, ErrStreamClosed
	}
	s.waiting = append(s.waiting, p)
	s.waits += size
	s.signal()
	return false, nil
}

// behind is how many bytes were written that the client has not.
func (s *Stream) behind() int { return s.current + s.rest + s.waits }

// at is the size of the piece that the client is at.
func (s *Stream) at() int {
	switch {
	case s.current > 0:
		return s.current
	case len(s.waiting) > 0:
		return s.waiting[0].size()
	}
	return 0
}

// Buffered is the number of bytes written that are still in the node's memory.
func (s *Stream) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind()
}

// Taken completes when the wire has taken all that was written so far, or the client has gone.
func (s *Stream) Taken() Future[struct{}] {
	p := NewPromise[struct{}]()
	s.mu.Lock()
	taken := s.waits == 0
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

// TakePieces is for wires: it returns what was written since the last call and whether the stream has ended. Wait for
// Ready between calls. What it returned counts as buffered until the next call.
func (s *Stream) TakePieces() (pieces []Piece, done bool) {
	s.mu.Lock()
	pieces, s.waiting = s.waiting, nil
	s.current, s.rest, s.waits = 0, s.waits, 0
	if len(pieces) > 0 {
		s.current = pieces[0].size()
		s.rest -= s.current
	}
	waiting := s.onTaken
	s.onTaken, done = nil, s.closed
	s.mu.Unlock()
	for _, f := range waiting {
		f()
	}
	return pieces, done
}

// Take is [Stream.TakePieces], chunk by chunk.
func (s *Stream) Take() (chunks [][]byte, done bool) {
	pieces, done := s.TakePieces()
	for _, p := range pieces {
		if p.Shared != nil {
			chunks = append(chunks, p.Shared.all...)
		} else {
			chunks = append(chunks, p.Chunk)
		}
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
	s.waiting, s.waits, s.current, s.rest = nil, 0, 0, 0
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
