// Package jsonwriter writes JSON as Mesos's endpoints do, field by field. It gives long texts away in pieces, so that
// they are never in memory as a whole.
package jsonwriter

import "iter"

// Pieces is a buffer that is given away in pieces. A writer appends to Bytes and calls Pause where a piece may end.
type Pieces struct {
	Bytes   []byte
	yield   func([]byte) bool // nil means that all text is kept
	stopped bool
}

// pieceLength is the approximate length of a piece in bytes. It is large enough to be worth a system call.
const pieceLength = 64 << 10

// InPieces returns the text that write writes, in pieces, each valid until the next is requested.
func InPieces(write func(*Pieces)) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		p := &Pieces{Bytes: make([]byte, 0, pieceLength+pieceLength/4), yield: yield}
		write(p)
		p.give()
	}
}

func (p *Pieces) give() {
	if !p.stopped {
		p.stopped = !p.yield(p.Bytes)
	}
	p.Bytes = p.Bytes[:0]
}

// Pause gives a piece away if the buffer is long enough.
func (p *Pieces) Pause() {
	if p.yield != nil && len(p.Bytes) >= pieceLength {
		p.give()
	}
}

// Stopped reports whether the reader has stopped. What is written from then on is lost.
func (p *Pieces) Stopped() bool { return p.stopped }
