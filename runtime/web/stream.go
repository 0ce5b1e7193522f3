package web

import (
	"meseta/runtime"
	"meseta/runtime/internal/pipe"
)

// ErrStreamClosed is returned by Write on a stream whose reader or writer has closed it.
var ErrStreamClosed = pipe.ErrClosed

// Stream is a pipe from an actor to an HTTP client: each Write is one chunk of the response. Its methods may be called
// from any goroutine and never block. Buffered tells how far the client lags; one that lags by more than 64 MiB, after
// the chunk that it is at, counts as gone, unless the wire lends it more while it goes on reading.
//
// Differs: libprocess's pipes have no limit; this one has, because a client that stalls must not cost the node its memory.
type Stream struct{ pipe *pipe.Pipe }

// NewStream returns an open stream.
func NewStream() *Stream { return &Stream{pipe.New()} }

// Chunks are written to many streams at once. What the wire makes of them it makes once.
type Chunks struct{ chunks *pipe.Chunks }

// NewChunks returns chunks, which must not be changed afterwards.
func NewChunks(all [][]byte) *Chunks { return &Chunks{pipe.NewChunks(all)} }

// Size is how many bytes they have.
func (c *Chunks) Size() int { return c.chunks.Size() }

// Write queues chunk, which must not be changed afterwards.
func (s *Stream) Write(chunk []byte) error { return s.pipe.Write(pipe.Piece{Chunk: chunk}) }

// WriteShared queues chunks, as so many calls of Write would.
func (s *Stream) WriteShared(chunks *Chunks) error {
	return s.pipe.Write(pipe.Piece{Shared: chunks.chunks})
}

// Cut ends the response at once, and the connection with it, whatever the client has still to read.
func (s *Stream) Cut() { s.pipe.Cut() }

// Close ends the response after what was written.
func (s *Stream) Close() { s.pipe.Close() }

// Buffered is the number of bytes written that are still in the node's memory.
func (s *Stream) Buffered() int { return s.pipe.Buffered() }

// Taken completes when the wire has taken all that was written so far, or the client has gone.
func (s *Stream) Taken() runtime.Future[struct{}] { return when(s.pipe.OnTaken) }

// Gone completes when the client went away, or at once if it has. A client that ends its side of the connection counts
// as gone if somebody asks; else it is gone when nothing can be written to it.
func (s *Stream) Gone() runtime.Future[struct{}] { return when(s.pipe.OnGone) }

// Pipe is the reading end, for wires.
func (s *Stream) Pipe() *pipe.Pipe { return s.pipe }

// when completes when what it gives to call is called.
func when(call func(func())) runtime.Future[struct{}] {
	p := runtime.NewPromise[struct{}]()
	call(func() { p.Set(struct{}{}) })
	return p.Future()
}
