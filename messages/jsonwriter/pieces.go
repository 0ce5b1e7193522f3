// Package jsonwriter writes JSON as Mesos's endpoints do, field by field, and gives long texts away in pieces while it
// writes them, so that no text of theirs is in memory as a whole.
package jsonwriter

import "iter"

// Pieces is a buffer that is given away in pieces. Whoever writes appends to Bytes, and calls Pause where a piece may end.
type Pieces struct {
	Bytes   []byte
	yield   func([]byte) bool // nil: everything is kept
	stopped bool
}

// pieceLength is about how long pieces are, in bytes: long enough to be worth a system call.
const pieceLength = 64 << 10

// InPieces returns what write writes, in pieces, each good until the next is asked for.
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

// Pause gives a piece away if there is one.
func (p *Pieces) Pause() {
	if p.yield != nil && len(p.Bytes) >= pieceLength {
		p.give()
	}
}

// Stopped reports whether nobody reads any more: what is written from now on is lost.
func (p *Pieces) Stopped() bool { return p.stopped }
