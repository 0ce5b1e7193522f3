// Package pipe is what actors and wires share of a response that is sent while it is written: actors know it as
// web.Stream. It is internal because only wires have any business with the reading end.
package pipe

import (
	"errors"
	"sync"
)

// ErrClosed is returned by Write on a pipe whose reader or writer has closed it.
var ErrClosed = errors.New("web: stream closed")

// Pipe is a pipe from an actor to a client. Its methods may be called from any goroutine, and do not block.
type Pipe struct {
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
	cut     func() // ends the connection; nil before a wire takes the pipe
	lender  Lender // nil: nothing is lent
	lent    int    // bytes by which the client may lag beyond MostBuffered
}

// Lender lets clients lag further.
type Lender interface {
	// Lend reports whether that many more bytes may wait.
	Lend(bytes int) bool
	// Repay gives back what was lent.
	Repay(bytes int)
}

// MostBuffered is how many bytes a client may lag behind the chunk that it is at, unless it is lent more.
const MostBuffered = 64 << 20

// Piece is what was written at once: a chunk, or chunks that other pipes have too.
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

// New returns an open pipe.
func New() *Pipe { return &Pipe{wake: make(chan struct{}, 1)} }

// Write queues p, which must not be changed afterwards.
func (s *Pipe) Write(p Piece) error {
	lags, err := s.queue(p)
	if lags {
		s.Cut()
	}
	return err
}

// Cut ends the response at once, and the connection with it, whatever the client has still to read.
func (s *Pipe) Cut() {
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	if cut != nil {
		cut()
	}
	s.Abandon()
}

// queue reports whether the client lags too far.
func (s *Pipe) queue(p Piece) (lags bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.gone {
		return false, ErrClosed
	}
	size := p.size()
	if over := s.behind() - s.at() + size - MostBuffered - s.lent; s.behind() > 0 && over > 0 && !s.borrow(over) {
		return true, ErrClosed
	}
	s.waiting = append(s.waiting, p)
	s.waits += size
	s.signal()
	return false, nil
}

func (s *Pipe) borrow(bytes int) bool {
	if s.lender == nil || !s.lender.Lend(bytes) {
		return false
	}
	s.lent += bytes
	return true
}

// repay gives back what is needed no more.
func (s *Pipe) repay() {
	if s.lent == 0 {
		return
	}
	before := s.lent
	s.lent = min(before, max(0, s.behind()-s.at()-MostBuffered))
	if s.lent < before {
		s.lender.Repay(before - s.lent)
	}
}

// behind is how many bytes were written that the client has not.
func (s *Pipe) behind() int { return s.current + s.rest + s.waits }

// at is the size of the piece that the client is at.
func (s *Pipe) at() int {
	switch {
	case s.current > 0:
		return s.current
	case len(s.waiting) > 0:
		return s.waiting[0].size()
	}
	return 0
}

// Buffered is the number of bytes written that are still in the node's memory.
func (s *Pipe) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind()
}

// Close ends the response after what was written.
func (s *Pipe) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.signal()
}

// OnTaken calls f when the wire has taken all that was written so far, or the client has gone; at once if that is so.
func (s *Pipe) OnTaken(f func()) {
	s.mu.Lock()
	taken := s.waits == 0
	if !taken {
		s.onTaken = append(s.onTaken, f)
	}
	s.mu.Unlock()
	if taken {
		f()
	}
}

// OnGone calls f when the client went away, at once if it has.
func (s *Pipe) OnGone(f func()) {
	s.mu.Lock()
	gone := s.gone
	if !gone {
		s.onGone = append(s.onGone, f)
	}
	s.mu.Unlock()
	if gone {
		f()
	}
}

// Attach tells the pipe that a wire sends what is written: cut is called when the client must go, because it lags too
// far, at once if it has.
func (s *Pipe) Attach(cut func()) {
	s.mu.Lock()
	s.cut = cut
	gone := s.gone
	s.mu.Unlock()
	if gone {
		cut()
	}
}

// BorrowFrom has l lend what the client lags beyond MostBuffered.
func (s *Pipe) BorrowFrom(l Lender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lender = l
}

// TakePieces returns what was written since the last call and whether the pipe has ended. Wait for Ready between calls.
// What it returned counts as buffered until the next call.
func (s *Pipe) TakePieces() (pieces []Piece, done bool) {
	s.mu.Lock()
	pieces, s.waiting = s.waiting, nil
	s.current, s.rest, s.waits = 0, s.waits, 0
	if len(pieces) > 0 {
		s.current = pieces[0].size()
		s.rest -= s.current
	}
	s.repay()
	waiting := s.onTaken
	s.onTaken, done = nil, s.closed
	s.mu.Unlock()
	for _, f := range waiting {
		f()
	}
	return pieces, done
}

// Take is [Pipe.TakePieces], chunk by chunk.
func (s *Pipe) Take() (chunks [][]byte, done bool) {
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

// Ready receives when Take has something new to say.
func (s *Pipe) Ready() <-chan struct{} { return s.wake }

// Watched reports whether anything waits for the client to go.
func (s *Pipe) Watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.onGone) > 0
}

// Abandon tells the writer that the client went away.
func (s *Pipe) Abandon() {
	s.mu.Lock()
	told := s.gone
	s.gone = true
	s.waiting, s.waits, s.current, s.rest = nil, 0, 0, 0
	s.repay()
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

func (s *Pipe) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
