package libprocess

import (
	"bufio"
	"net"
	"strings"
)

// Protocol serves, on the wire's port, connections that begin in a way of their own: HTTP/2 with "PRI * HTTP/2.0", TLS
// with "\x16\x03". A connection that begins otherwise, or says nothing, is the wire's.
type Protocol struct {
	Prefix string
	// Serve serves conn from its first byte, on a goroutine of its own. The connection is closed when Serve returns, or
	// when the wire is closed. What Serve unwraps from it may be given to [Wire.Serve].
	Serve func(conn net.Conn)
}

// protocol finds out which protocol a connection speaks; nil is the wire's own. It looks at one byte more at a time,
// since a client may wait for an answer to fewer.
func (c *inbound) protocol() *Protocol {
	left := c.wire.options.Protocols
	for n := 1; len(left) > 0; n++ {
		start, err := c.r.Peek(n)
		if err != nil {
			return nil
		}
		var next []Protocol
		for i, p := range left {
			if p.Prefix == string(start) {
				return &left[i]
			}
			if strings.HasPrefix(p.Prefix, string(start)) {
				next = append(next, p)
			}
		}
		left = next
	}
	return nil
}

// lend gives the connection to another protocol.
func (c *inbound) lend(p *Protocol) {
	if c.relax() == nil {
		p.Serve(&lent{c.conn, c.r})
	}
}

// lent is a connection of which a part was read already.
type lent struct {
	net.Conn
	r *bufio.Reader
}

// Read implements [net.Conn].
func (l *lent) Read(b []byte) (int, error) {
	if l.r.Buffered() > 0 {
		return l.r.Read(b)
	}
	return l.Conn.Read(b)
}
