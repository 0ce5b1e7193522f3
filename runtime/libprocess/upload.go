package libprocess

import (
	"io"
	"sync"

	"meseta/runtime/web"
)

// upload is the body of a request that is served while it arrives. The connection's reader puts pieces in, and waits
// while nobody takes them; the handler of the request takes them out, until it is answered. So the wire holds two pieces
// of it at most, each no larger than the connection's buffer, unless [upload.Whole] collects them.
type upload struct {
	limit  int // of Whole
	held   *budget
	pieces chan []byte
	left   []byte // of the last piece
	failed error  // why there are no more pieces, if that is not the end; set before pieces is closed
	gone   chan struct{}
	going  sync.Once
}

var _ web.Arriving = (*upload)(nil)

// Read implements [io.Reader].
func (u *upload) Read(b []byte) (int, error) {
	for len(u.left) == 0 {
		select {
		case piece, more := <-u.pieces:
			switch {
			case more:
				u.left = piece
			case u.failed != nil:
				return 0, u.failed
			default:
				return 0, io.EOF
			}
		case <-u.gone:
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(b, u.left)
	u.left = u.left[n:]
	return n, nil
}

// Whole implements [web.Arriving]. What it returns counts until the request is answered.
func (u *upload) Whole() ([]byte, error) {
	var whole []byte
	part := make([]byte, 4<<10)
	for {
		n, err := u.Read(part)
		if len(whole)+n > u.limit {
			return nil, tooLarge(u.limit)
		}
		if full := u.held.take(n); full != nil {
			return nil, full
		}
		whole = append(whole, part[:n]...)
		switch {
		case err == io.EOF:
			return whole, u.held.takeDecoded(whole)
		case err != nil:
			return nil, err
		}
	}
}

// letGo ends the reading.
func (u *upload) letGo() { u.going.Do(func() { close(u.gone) }) }

// arriving reports whether the request is to be served before its body is there: records may come one by one, without end.
func (h *head) arriving() bool { return h.records && h.chunked && !h.zipped && !h.message() }

// arriving serves such a request and passes on its body, which may take any time.
func (c *inbound) arriving() error {
	u := &upload{limit: c.wire.options.MaxBody, held: c.wire.budget(), pieces: make(chan []byte), gone: make(chan struct{})}
	if err := c.serve(u, u, u.held); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	c.free = true
	u.failed = c.pump(u)
	c.free = false
	close(u.pieces)
	if u.failed != nil {
		return u.failed
	}
	return c.complete()
}

// pump passes on what is there of the body, as soon as it is. What nobody takes any more is dropped.
func (c *inbound) pump(u *upload) error {
	for {
		size, err := beginChunk(c.r)
		if err != nil || size == 0 {
			return err
		}
		for size > 0 {
			if _, err := c.r.Peek(1); err != nil {
				return unexpected(err)
			}
			piece := make([]byte, min(size, int64(c.r.Buffered())))
			if _, err := io.ReadFull(c.r, piece); err != nil {
				return err
			}
			size -= int64(len(piece))
			select {
			case u.pieces <- piece:
			case <-u.gone:
			case <-c.closed:
				return io.ErrUnexpectedEOF
			}
		}
		if err := endChunk(c.r); err != nil {
			return err
		}
	}
}
