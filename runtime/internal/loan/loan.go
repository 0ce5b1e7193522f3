// Package loan lets what waits for readers exceed its bounds while they keep reading: the excess is lent from a reserve that
// all of them share, and repaid as they read, or when they take too long.
package loan

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Reserve is a number of bytes that may be lent, to all together.
type Reserve struct {
	most int64
	lent atomic.Int64
}

// NewReserve returns a reserve of that many bytes.
func NewReserve(bytes int) *Reserve { return &Reserve{most: int64(bytes)} }

// Take takes that many bytes if they are left, and reports whether they were.
func (r *Reserve) Take(bytes int) bool {
	if r.lent.Add(int64(bytes)) <= r.most {
		return true
	}
	r.Give(bytes)
	return false
}

// Give gives bytes back.
func (r *Reserve) Give(bytes int) { r.lent.Add(-int64(bytes)) }

// Piece is how many bytes a reader has to take within its patience while something is lent to it.
const Piece = 64 << 10

// Line is the writing side of a connection. While something is lent for what is written to it, each piece has to be taken within
// the patience; writing fails with [os.ErrDeadlineExceeded] if one is not. Its methods may be called on any goroutine.
type Line struct {
	reserve  *Reserve
	patience time.Duration

	mu      sync.Mutex
	conn    net.Conn // nil while it is dialled, which has a timeout of its own
	lent    int
	writing bool
	since   time.Time // when the piece that is written was begun
}

// NewLine returns the writing side of a connection that is attached later: what is lent before has to be taken from then on.
func NewLine(reserve *Reserve, patience time.Duration) *Line {
	return &Line{reserve: reserve, patience: patience}
}

// Attach gives the line its connection. It must be called once, before the first Write.
func (l *Line) Attach(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

// Write implements [io.Writer].
func (l *Line) Write(b []byte) (n int, err error) {
	defer l.end()
	for n < len(b) && err == nil {
		conn := l.begin()
		var wrote int
		wrote, err = conn.Write(b[n:min(len(b), n+Piece)])
		n += wrote
	}
	return n, err
}

// begin notes that a piece is begun.
func (l *Line) begin() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing, l.since = true, time.Now()
	if l.lent > 0 {
		l.allow(l.since.Add(l.patience))
	}
	return l.conn
}

// end notes that nothing is written.
func (l *Line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
}

// allow lets the piece that is written take until then, or any time. l.mu is held.
func (l *Line) allow(until time.Time) {
	if l.conn != nil {
		l.conn.SetWriteDeadline(until) //nolint:errcheck // best effort
	}
}

// Lend reports whether that many more bytes may wait: not if a piece takes too long already, or the reserve is exhausted.
func (l *Line) Lend(bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.writing { // it had everything a moment ago
		l.since = time.Now()
	}
	until := l.since.Add(l.patience)
	if !time.Now().Before(until) || !l.reserve.Take(bytes) {
		return false
	}
	if l.lent == 0 {
		l.allow(until)
	}
	l.lent += bytes
	return true
}

// Repay gives back what was lent and is needed no more. When that is all of it, writing may take any time.
func (l *Line) Repay(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserve.Give(bytes)
	if l.lent -= bytes; l.lent == 0 {
		l.allow(time.Time{})
	}
}
