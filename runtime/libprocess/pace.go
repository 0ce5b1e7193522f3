package libprocess

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// pace is how a request comes in: one that has begun must bring enough of itself, or its end, within the timeout.
// Between requests there is no hurry.
type pace struct {
	begun bool
	timed bool // a deadline is set
	came  int  // since it was
}

// enough of a request gives it another timeout.
const enough = 64 << 10

// Read implements [io.Reader] for the buffer. Before it waits for more, what there is to say is said.
func (c *inbound) Read(b []byte) (int, error) {
	if c.answers == nil {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if c.begun && (!c.timed || c.came >= enough) {
		c.timed, c.came = true, 0
		if err := c.conn.SetReadDeadline(deadline(c.wire.options.RequestTimeout)); err != nil {
			return 0, err
		}
	}
	n, err := c.conn.Read(b)
	c.begun = true
	c.came += n
	if c.timed && errors.Is(err, os.ErrDeadlineExceeded) {
		err = &badRequest{http.StatusRequestTimeout, "the request takes too long"}
	}
	return n, err
}

// complete ends the hurry of a request.
func (c *inbound) complete() error {
	c.begun = c.r.Buffered() > 0
	if !c.timed {
		return nil
	}
	c.timed = false
	return c.conn.SetReadDeadline(time.Time{})
}
