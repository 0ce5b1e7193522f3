package libprocess

import (
	"net"
	"time"
)

// lend lets the queue exceed MaxQueue by that many more bytes, unless the peer has taken no piece for too long, or the reserve
// is exhausted. From here on each piece has to be taken in time. p.mu is held.
func (p *peer) lend(bytes int) bool {
	if !p.queue.writing { // it is still dialled, or had everything a moment ago
		p.since = time.Now()
	}
	until := p.since.Add(p.wire.options.Patience)
	if !time.Now().Before(until) || !p.wire.reserve.Take(bytes) {
		return false
	}
	if p.queue.lent == 0 && p.conn != nil { // a dial has a timeout of its own
		p.conn.SetWriteDeadline(until) //nolint:errcheck // best effort
	}
	p.queue.lent += bytes
	return true
}

// begin is called before each piece is written.
func (p *peer) begin(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Now()
	if p.queue.lent > 0 {
		conn.SetWriteDeadline(p.since.Add(p.wire.options.Patience)) //nolint:errcheck // best effort
	}
}

// repay gives back what the queue needs no more. Within MaxQueue a peer may take any time. p.mu is held.
func (p *peer) repay() {
	lent := p.queue.lent
	if lent == 0 {
		return
	}
	p.queue.lent = min(lent, max(0, p.queue.size-p.wire.options.MaxQueue))
	p.wire.reserve.Give(lent - p.queue.lent)
	if p.queue.lent == 0 {
		p.conn.SetWriteDeadline(time.Time{}) //nolint:errcheck // best effort
	}
}
