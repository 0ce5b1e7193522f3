package libprocess

import (
	"compress/gzip"
	"errors"
	"strconv"
	"time"
)

// content writes a body as it is drawn. One that ends with its first piece is sent like any other, with its length; of
// a longer one the first piece leaves when the second is at hand, and nothing is drawn faster than the client reads.
func (c *inbound) content(a answer) error {
	defer c.conn.SetWriteDeadline(time.Time{}) //nolint:errcheck // best effort
	if a.response.Length > 0 {
		return c.announced(a)
	}
	d := drain{c: c, a: a}
	for piece := range a.response.Content {
		if d.err = d.take(piece); d.err != nil {
			return d.err
		}
	}
	return d.end()
}

// announced writes a body whose length is known before it is drawn.
func (c *inbound) announced(a answer) error {
	if err := c.beginLong(a, a.response.Length); err != nil {
		return err
	}
	left := a.response.Length
	for piece := range a.response.Content {
		if left -= int64(len(piece)); left < 0 {
			break
		}
		c.conn.SetWriteDeadline(deadline(stalled)) //nolint:errcheck // best effort
		if _, err := c.w.Write(piece); err != nil {
			return err
		}
	}
	if left != 0 {
		return errors.Join(errCut, c.w.Flush())
	}
	return c.w.Flush()
}

// errCut breaks a connection on which less was sent than was announced.
var errCut = errors.New("the body is not what was announced")

// measure writes the head of a body that nobody reads, with its length.
func (c *inbound) measure(a answer) error {
	length := a.response.Length
	if length == 0 {
		for piece := range a.response.Content {
			length += int64(len(piece))
		}
	}
	return c.beginLong(a, length)
}

func (c *inbound) beginLong(a answer, length int64) error {
	head := c.begin(a.response.Status, a.response.Header, a)
	head = append(head, "Content-Length: "...)
	head = strconv.AppendInt(head, length, 10)
	_, err := c.w.Write(append(head, "\r\n\r\n"...))
	return err
}

// stalled is how long a client may take to read a piece. What it keeps from being forgotten may be large.
const stalled = time.Minute

// drain is a body on its way to the client.
type drain struct {
	c     *inbound
	a     answer
	first []byte // held back until it is known whether there is more
	begun bool
	zip   *gzip.Writer // nil: as it is
	err   error
}

func (d *drain) take(piece []byte) error {
	switch {
	case len(piece) == 0:
		return nil
	case d.first == nil && !d.begun:
		d.first = append(d.first, piece...)
		return nil
	case !d.begun:
		if err := d.begin(); err != nil {
			return err
		}
	}
	return d.write(piece)
}

// begin sends the head, and what was held back.
func (d *drain) begin() error {
	d.begun = true
	header := d.a.response.Header
	if d.a.gzip && header.Get("Content-Encoding") == "" {
		header = header.Clone()
		header.Set("Content-Encoding", "gzip")
		d.zip, _ = gzip.NewWriterLevel(chunks{d.c, d.a.old}, gzip.BestSpeed) // the level is valid
	}
	head := d.c.begin(d.a.response.Status, header, d.a)
	if !d.a.old {
		head = append(head, "Transfer-Encoding: chunked\r\n"...)
	}
	if _, err := d.c.w.Write(append(head, "\r\n"...)); err != nil {
		return err
	}
	first := d.first
	d.first = nil
	return d.write(first)
}

func (d *drain) write(piece []byte) error {
	d.c.conn.SetWriteDeadline(deadline(stalled)) //nolint:errcheck // best effort
	if d.zip != nil {
		_, err := d.zip.Write(piece)
		return err
	}
	if err := d.c.chunk(piece, d.a.old); err != nil {
		return err
	}
	return d.c.w.Flush()
}

func (d *drain) end() error {
	if !d.begun {
		short := *d.a.response
		short.Content, short.Body = nil, d.first
		d.a.response = &short
		return d.c.write(d.a)
	}
	if d.zip != nil {
		if err := d.zip.Close(); err != nil {
			return err
		}
	}
	if !d.a.old {
		d.c.w.WriteString("0\r\n\r\n") //nolint:errcheck // Flush tells
	}
	if err := d.c.w.Flush(); err != nil {
		return err
	}
	if d.a.old {
		return errHungUp // the end of the connection is the end of the body
	}
	return nil
}

// chunks writes what is written to it as chunks.
type chunks struct {
	c   *inbound
	old bool
}

// Write implements [io.Writer].
func (w chunks) Write(p []byte) (int, error) { return len(p), w.c.chunk(p, w.old) }
