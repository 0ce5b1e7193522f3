package libprocess

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"os"
	"time"
)

// pace is how a request comes in: one that has begun must bring enough of itself, or its end, within the timeout.
// Between requests there is no hurry.
//
// Differs: a slow request is refused, where libprocess waits forever, because a byte a minute must not hold a connection.
type pace struct {
	begun bool
	free  bool // it may take any time
	timed bool // a deadline is set
	came  int  // since it was

	taken  uint  // messages of the latest read
	looked int64 // when the latest of them was taken of which the time was looked up

	full    bool   // the latest read filled the buffer
	carried []byte // from a smaller buffer, to be read first
}

// enough of a request gives it another timeout.
const enough = 64 << 10

// Read implements [io.Reader] for the buffer. Before it waits for more, what there is to say is said.
func (c *inbound) Read(b []byte) (int, error) {
	if len(c.carried) > 0 {
		n := copy(b, c.carried)
		c.carried = c.carried[n:]
		return n, nil
	}
	if c.answers == nil {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if c.begun && !c.free && (!c.timed || c.came >= enough) {
		c.timed, c.came = true, 0
		if err := c.conn.SetReadDeadline(deadline(c.wire.options.RequestTimeout)); err != nil {
			return 0, err
		}
	}
	n, err := c.conn.Read(b)
	c.begun, c.full, c.taken = true, n == len(b), 0
	c.came += n
	if c.timed && errors.Is(err, os.ErrDeadlineExceeded) {
		err = &badRequest{http.StatusRequestTimeout, "the request takes too long"}
	}
	return n, err
}

// complete ends a request.
func (c *inbound) complete() error {
	c.begun = c.r.Buffered() > 0
	if c.full && c.r.Size() < busyBuffer {
		c.grow()
	}
	return c.relax()
}

// relax ends the hurry of a request.
func (c *inbound) relax() error {
	if !c.timed {
		return nil
	}
	c.timed = false
	return c.conn.SetReadDeadline(time.Time{})
}

// An idle connection, such as a link, keeps a small buffer; one with more to say than that gets a large one.
const (
	idleBuffer = 4 << 10
	busyBuffer = 64 << 10
)

func (c *inbound) grow() {
	left, _ := c.r.Peek(c.r.Buffered())
	c.carried = bytes.Clone(left)
	c.r = bufio.NewReaderSize(c, busyBuffer)
}

// perLook is of how many messages of one read the first has its own time in traces, and the others the same: to look costs as much as
// to remember.
const perLook = 8

// moment is when the next message came.
func (c *inbound) moment() int64 {
	if clock, ok := c.wire.receiver.(interface{ Moment() int64 }); ok && c.taken%perLook == 0 {
		c.looked = clock.Moment()
	}
	c.taken++
	return c.looked
}
