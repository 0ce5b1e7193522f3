package libprocess

import (
	"context"
	"io"
	"net"
	"sync"

	"meseta/runtime"
)

// peer is one connection of ours to another node, from the dial to its end; a later connection is another peer. That
// is what makes ends exact: the end of an old connection can not be taken for the end of a new one.
//
// Senders encode straight into queue; run swaps queue for an empty buffer and writes it out, so that a burst costs one
// system call and both buffers are used again.
type peer struct {
	wire   *Wire
	addr   string
	linked bool // guarded by wire.mu

	mu     sync.Mutex
	queue  []byte // encoded messages
	ended  bool   // nothing more is accepted
	closed bool   // abandoned: do not even send what is queued
	conn   net.Conn
	wake   chan struct{}
	stop   context.CancelFunc // ends a dial
	dial   context.Context
}

func newPeer(w *Wire, addr string) *peer {
	p := &peer{wire: w, addr: addr, wake: make(chan struct{}, 1)}
	p.dial, p.stop = context.WithTimeout(context.Background(), w.options.DialTimeout)
	return p
}

// send queues e. It returns why not, if it does not.
func (p *peer) send(e runtime.Envelope) (why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return "the connection ended"
	}
	if len(p.queue) >= p.wire.options.MaxQueue {
		return "the peer does not read: its queue is full"
	}
	queue, err := appendMessage(p.queue, e)
	if err != nil {
		return err.Error()
	}
	p.queue = queue
	p.signal()
	return ""
}

func (p *peer) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// finish lets the connection end when all that is queued is written.
func (p *peer) finish() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.signal()
}

// abandon ends the connection now.
func (p *peer) abandon() {
	p.mu.Lock()
	p.ended, p.closed = true, true
	conn := p.conn
	p.mu.Unlock()
	p.stop()
	if conn != nil {
		conn.Close()
	}
	p.signal()
}

// run connects and writes until the connection ends. What it could not write is lost.
func (p *peer) run() error {
	defer p.abandon()
	conn, err := (&net.Dialer{}).DialContext(p.dial, "tcp", p.addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.conn = conn
	closed := p.closed
	p.mu.Unlock()
	if closed {
		conn.Close()
		return net.ErrClosed
	}
	read := make(chan error, 1)
	go func() {
		// Nobody waits for the answers, but their end is how we learn that the peer is gone.
		_, err := io.Copy(io.Discard, conn)
		if err == nil {
			err = io.EOF
		}
		conn.Close() // lets a write that waits for a stalled peer go
		read <- err
	}()
	err = p.write(conn, read)
	conn.Close()
	return err
}

// write sends what is queued until told otherwise or the other side is gone. It returns when the reader has.
func (p *peer) write(conn net.Conn, read chan error) error {
	var spare []byte
	for {
		batch, done := p.take(spare)
		if len(batch) > 0 {
			if _, err := conn.Write(batch); err != nil {
				conn.Close()
				<-read
				return err
			}
			spare = reusable(batch)
			continue
		}
		spare = batch
		if done {
			conn.Close()
			return <-read
		}
		select {
		case <-p.wake:
		case err := <-read:
			return err
		}
	}
}

// take swaps the queue for an empty buffer; done means that no more will come.
func (p *peer) take(spare []byte) (batch []byte, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch, p.queue = p.queue, spare[:0]
	return batch, p.ended || p.closed
}

// reusable keeps buffers, but not the huge one of a rare burst.
func reusable(b []byte) []byte {
	const most = 1 << 20
	if cap(b) > most {
		return nil
	}
	return b[:0]
}
