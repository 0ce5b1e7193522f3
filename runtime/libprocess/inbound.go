package libprocess

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meseta/runtime"
	"meseta/runtime/internal/traceparent"
	"meseta/runtime/web"
)

// inbound is a connection that others opened. One goroutine reads requests and delivers messages; answers leave in the
// order of the requests. While every answer is at hand, as for messages, the reader writes it itself and flushes when
// there is nothing more to read. The first request that an actor must answer starts a second goroutine, which from then
// on writes all answers, so that reading goes on meanwhile.
//
// A client may end its side of the connection and still wait for answers; see over and [web.Stream.Gone].
type inbound struct {
	wire *Wire
	conn net.Conn
	ip   netip.Addr
	r    *bufio.Reader // of the inbound itself
	w    *bufio.Writer

	head head
	body []byte
	familiar
	pids    interned[runtime.PID]
	targets interned[target]
	warned  bool                   // of requests that are refused; one line for all of them
	sender  atomic.Pointer[string] // the address of the node that sends messages here
	pace

	accepted int // messages whose 202 is not yet in w

	answers chan answer // once an actor is asked; the writer closes written
	written chan struct{}
	over    chan struct{} // closed when the client says no more
	overAt  time.Time     // set before it is
	ending  sync.Once
	closed  chan struct{} // closed when no further answer can leave
	closing sync.Once
}

func newInbound(w *Wire, conn net.Conn) *inbound {
	c := &inbound{
		wire: w, conn: conn, over: make(chan struct{}), closed: make(chan struct{}), w: bufio.NewWriterSize(conn, idleBuffer),
	}
	c.r = bufio.NewReaderSize(c, idleBuffer)
	if peer, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		c.ip = peer.AddrPort().Addr().Unmap()
	}
	return c
}

func (c *inbound) close() {
	c.closing.Do(func() {
		close(c.closed)
		c.conn.Close()
	})
}

// run serves the connection until it ends.
func (c *inbound) run() {
	defer c.close()
	if p := c.protocol(); p != nil {
		c.lend(p)
		return
	}
	err := c.read()
	var malformed *badRequest
	switch {
	case errors.As(err, &malformed):
		c.wire.options.Log.Warn().Err(err).Stringer("peer", c.conn.RemoteAddr()).Msg("malformed request: the connection is closed")
		c.answer(answer{response: refusal(malformed), last: true, close: true}) //nolint:errcheck // the connection ends either way
	case err != nil && err != io.EOF:
		c.close()
	}
	if c.answers == nil {
		c.flush() //nolint:errcheck // as above
	} else {
		c.finishAnswering(err != io.EOF)
	}
	if malformed != nil {
		c.linger()
	}
}

// finishAnswering writes what is still to be answered. If the client may still be there, what it says is no longer heard,
// but that it goes is.
func (c *inbound) finishAnswering(listen bool) {
	close(c.answers)
	if listen {
		io.Copy(io.Discard, c.conn) //nolint:errcheck // the writer ends it
	}
	c.endHearing()
	<-c.written
}

// linger lets a client that is still sending read why it was refused, before its bytes make the kernel reset the
// connection.
func (c *inbound) linger() {
	if half, ok := c.conn.(halfCloser); ok && half.CloseWrite() == nil {
		half.SetReadDeadline(deadline(lingering))                   //nolint:errcheck // best effort
		io.CopyN(io.Discard, c.conn, int64(c.wire.options.MaxHead)) //nolint:errcheck // best effort
	}
}

func (c *inbound) read() error {
	for {
		if done, err := c.again(); done {
			if err != nil {
				return err
			}
			continue
		}
		if err := c.head.readHead(c.r, c.wire.options.MaxHead); err != nil {
			return err
		}
		if c.head.expecting {
			if err := c.proceed(); err != nil {
				return err
			}
		}
		var err error
		if c.head.arriving() {
			err = c.arriving()
		} else {
			err = c.whole()
		}
		if err != nil || c.head.close {
			return err
		}
	}
}

// whole reads the body of what has been begun, and takes it as a message or a request.
func (c *inbound) whole() (err error) {
	b := c.wire.budget()
	if c.head.message() {
		b.spared = step // others' uploads must not keep small messages out
	}
	served := false
	defer func() {
		if !served {
			b.release()
		}
	}()
	if c.body, err = readBody(c.r, &c.head, reusable(c.body), c.wire.options.MaxBody, b); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if c.head.zipped && c.head.refused == nil {
		c.body, c.head.refused = gunzip(c.body, c.wire.options.MaxBody, b)
	}
	switch {
	case c.head.refused != nil:
		return c.refuse(c.head.refused)
	case c.head.message():
		return c.message()
	}
	if err := b.takeDecoded(c.body); err != nil {
		return c.refuse(err)
	}
	served = true
	return c.request(b)
}

// reusable keeps a buffer, but not the huge one of a rare message.
func reusable(b []byte) []byte {
	if cap(b) > 2*step {
		return nil
	}
	return b[:0]
}

// proceed tells a client that waits for it to send the body.
func (c *inbound) proceed() error {
	return c.answer(answer{raw: []byte("HTTP/1.1 100 Continue\r\n\r\n")})
}

// message delivers a message and answers at once: nobody waits for what becomes of it.
func (c *inbound) message() error {
	e, err := c.envelope()
	if err != nil {
		return c.refuse(err)
	}
	c.learn(&c.head, e)
	return c.answer(answer{response: c.deliver(e), last: c.head.close})
}

// deliver hands over a message, whose body is good until it returns.
func (c *inbound) deliver(e runtime.Envelope) *web.Response {
	switch {
	case c.wire.options.RequirePeerIPMatch && !c.owns(e.From):
		return c.impostor(e)
	case !c.wire.receiver.Deliver(e):
		return notFound
	}
	return accepted
}

// refuse answers a request that will not be served. What follows it on the connection, which others may share, is.
func (c *inbound) refuse(err error) error {
	var malformed *badRequest
	if !errors.As(err, &malformed) {
		return err
	}
	c.warn(err)
	return c.answer(answer{response: refusal(malformed), last: c.head.close, close: c.head.close})
}

// warn logs the first request of the connection that is refused.
func (c *inbound) warn(err error) {
	if !c.warned {
		c.warned = true
		c.wire.options.Log.Warn().Err(err).Stringer("peer", c.conn.RemoteAddr()).Msg("request refused")
	}
}

// impostor refuses a message whose sender is not where it says. Mesos: require_peer_address_ip_match.
func (c *inbound) impostor(e runtime.Envelope) *web.Response {
	why := fmt.Sprintf("UPID IP address validation failed: Message from %s was sent from IP %s", e.From, c.ip)
	c.warn(errors.New(why))
	c.wire.dropped(e, "the sender is not where it says")
	return web.BadRequest(why)
}

// owns reports whether the peer is at the address that it sends from, or proves that it has that address.
//
// Differs: Mesos believes no certificate, and refuses nodes behind NAT.
func (c *inbound) owns(from runtime.PID) bool {
	claimed, err := netip.ParseAddrPort(from.Addr)
	if err != nil {
		return false
	}
	addr := claimed.Addr().Unmap()
	proven, ok := c.conn.(interface{ Proves(addr netip.Addr) bool })
	return addr == c.ip || ok && proven.Proves(addr)
}

func (c *inbound) envelope() (runtime.Envelope, error) {
	from, err := c.pids.get(c.head.from, func(text string) (runtime.PID, error) {
		if strings.HasPrefix(text, "@") { // libprocess's post, which has no sender
			return runtime.PID{}, nil
		}
		pid, err := runtime.ParsePID(text)
		if err != nil {
			return pid, bad("sender %.80q is not id@ip:port", text)
		}
		return pid, nil
	})
	if err != nil {
		return runtime.Envelope{}, err
	}
	to, err := c.targets.get(c.head.target, parseTarget)
	if err != nil {
		return runtime.Envelope{}, err
	}
	if last := c.sender.Load(); last == nil || *last != from.Addr {
		c.sender.Store(&from.Addr)
	}
	return runtime.Envelope{
		From: from, To: runtime.PID{ID: to.id, Addr: c.wire.addr}, Name: to.name,
		Body: c.body, Cause: traceparent.Cause(c.head.cause), Came: c.moment(),
	}, nil
}

// target is where a message goes, as its path says.
type target struct{ id, name string }

// parseTarget reads /<id>/<name>, the id escaped as in a URL or not.
func parseTarget(path string) (target, error) {
	id, name, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || id == "" || name == "" || path[0] != '/' {
		return target{}, bad("a message's path %.80q is not /<id>/<name>", path)
	}
	plain, err := url.PathUnescape(id)
	if err != nil {
		return target{}, bad("a message's path %.80q is escaped wrongly", path)
	}
	return target{id: plain, name: name}, nil
}

// request hands anything else to the actors, whose answer may take its time.
// What its body takes is held until then.
func (c *inbound) request(held *budget) error {
	return c.serve(bytes.NewReader(bytes.Clone(c.body)), nil, held)
}

// serve has a request answered; arriving is its body if that is still to come.
func (c *inbound) serve(body io.Reader, arriving *upload, held *budget) error {
	u, err := url.ParseRequestURI(string(c.head.target))
	if err != nil {
		held.release()
		if arriving != nil {
			arriving.letGo()
		}
		return c.refuse(bad("target %.80q is not a path", c.head.target))
	}
	req := &web.Request{
		Method: string(c.head.method), URL: u, Header: c.head.header(), Client: c.conn.RemoteAddr().String(), Body: body,
	}
	if c.answers == nil {
		if err := c.startAnswering(); err != nil {
			held.release()
			return err
		}
	}
	answered := c.wire.http(req)
	answered.OnAny(func(*web.Response, error) { held.release() })
	return c.answer(answer{
		future: answered, last: c.head.close, close: c.head.close,
		bodyless: req.Method == http.MethodHead, gzip: c.head.gzip, old: c.head.old,
		body: arriving,
	})
}

// interned remembers what the same bytes meant before, if they came twice. Neither what is kept nor how much may be made large
// from outside.
type interned[T any] struct {
	known map[string]T
	heard heard
}

const (
	mostInterned    = 1024
	longestInterned = 256
)

func (i *interned[T]) get(text []byte, parse func(string) (T, error)) (T, error) {
	if v, ok := i.known[string(text)]; ok {
		return v, nil
	}
	v, err := parse(string(text))
	if err != nil {
		return v, err
	}
	if len(text) > longestInterned || i.heard.isNew(maphash.Bytes(seed, text), mostInterned) {
		return v, nil
	}
	if i.known == nil || len(i.known) >= mostInterned {
		i.known = map[string]T{}
	}
	i.known[string(text)] = v
	return v, nil
}
