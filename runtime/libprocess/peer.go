package libprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"meseta/runtime"
	"meseta/runtime/internal/loan"
)

// peer is one connection of ours to another node, from the dial to its end; a later connection is another peer. That
// is what makes ends exact: the end of an old connection can not be taken for the end of a new one.
//
// Senders encode straight into queue; run writes it out block by block, so that a burst costs few system calls.
type peer struct {
	wire   *Wire
	addr   string
	number runtime.Connection // by which its end is told from that of a later one
	linked bool               // guarded by wire.mu
	line   *loan.Line         // lends the queue what exceeds MaxQueue

	mu     sync.Mutex
	queue  queue
	ended  bool // nothing more is accepted
	closed bool // abandoned: do not even send what is queued
	conn   net.Conn
	wake   chan struct{}
	stop   context.CancelFunc // ends a dial
	dial   context.Context
}

var (
	errEnded   = errors.New("the connection ended")
	errFull    = errors.New("the peer does not read, or too slowly: its queue is full")
	errStalled = errors.New("the peer does not read, and more waits than may")
)

func newPeer(w *Wire, addr string, number runtime.Connection) *peer {
	p := &peer{wire: w, addr: addr, number: number, wake: make(chan struct{}, 1)}
	p.line = loan.NewLine(w.reserve, w.options.Patience)
	p.dial, p.stop = context.WithTimeout(context.Background(), w.options.DialTimeout)
	return p
}

// send queues e, or says why not. After errFull, which comes once, the caller must abandon the connection.
func (p *peer) send(e runtime.Envelope) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return errEnded
	}
	err := p.queue.add(e, p.wire.options.MaxQueue, p.line.Lend)
	switch {
	case err == nil:
		p.signal()
	case errors.Is(err, errFull):
		p.ended = true // nothing may be missing amid what arrives
		p.blame()
	}
	return err
}

// blame logs why the connection is closed.
func (p *peer) blame() {
	p.wire.options.Log.Warn().Str("peer", p.addr).Int("bytes", p.queue.size).
		Msg("the peer does not read, or too slowly: its connection is closed, and what waited for it is lost")
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
	conn, err := p.connect()
	if err != nil {
		p.lose(0, err)
		return err
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
	written, err := p.write(conn, read)
	conn.Close()
	if errors.Is(err, errStalled) {
		p.blame()
		p.wire.sever(p)
	}
	p.lose(written, err)
	return err
}

func (p *peer) connect() (net.Conn, error) {
	defer p.stop()
	conn, err := p.wire.dial(p.dial, p.addr)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn = conn
	p.line.Attach(conn)
	if p.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	return conn, nil
}

// write sends what is queued until told otherwise or the other side is gone, and returns when the reader has: how much
// of the first block that remains was written, and why it ended.
func (p *peer) write(conn net.Conn, read chan error) (int, error) {
	for {
		block, done := p.next()
		switch {
		case block != nil:
			if n, err := p.put(block); err != nil {
				conn.Close()
				<-read
				return n, err
			}
			p.written()
		case done:
			hangUp(conn)
			return 0, <-read
		default:
			select {
			case <-p.wake:
			case err := <-read:
				return 0, err
			}
		}
	}
}

// put writes a block, and returns how much of it was written.
func (p *peer) put(block []byte) (int, error) {
	n, err := p.line.Write(block)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errStalled
	}
	return n, err
}

// hangUp lets what was written arrive: the answers to it must find somebody, or the kernel would reset the connection.
func hangUp(conn net.Conn) {
	if half, ok := conn.(halfCloser); !ok || half.CloseWrite() != nil || half.SetReadDeadline(deadline(lingering)) != nil {
		conn.Close()
	}
}

// halfCloser is a connection that can end in one direction.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

func (w *Wire) dial(ctx context.Context, addr string) (net.Conn, error) {
	if w.options.Secure != nil {
		return w.options.Secure.Dial(ctx, addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// next is what to write next, nil if nothing waits; done means that no more will come.
func (p *peer) next() (block []byte, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.next(), p.ended
}

func (p *peer) written() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.done()
	if lent := p.queue.spare(p.wire.options.MaxQueue); lent > 0 {
		p.line.Repay(lent)
	}
}

// lose drops what is queued, the first bytes of which were written.
func (p *peer) lose(written int, err error) {
	p.abandon() // nothing is added from here on
	why, count := fmt.Sprintf("the connection ended: %v", err), &p.wire.lost
	if errors.Is(err, errStalled) {
		count = &p.wire.full
	}
	p.queue.each(written, func(e runtime.Envelope) {
		e.To.Addr = p.addr
		count.Add(1)
		count = &p.wire.lost
		p.wire.dropped(e, why)
	})
	p.line.Repay(p.queue.lent)
	p.queue = queue{}
}
