package libprocess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/internal/loan"
	"meseta/runtime/internal/stderrlog"
	"meseta/runtime/web"
)

// Options configure a [Wire].
type Options struct {
	Address   string // "ip:port" to listen on; port 0 takes a free one; "" is 127.0.0.1:0
	Advertise string // "ip:port" that others reach us at; either half may be empty or zero; "" is Address

	// MaxHead bounds a request's line and headers, in bytes; 0 means 64 KiB. A longer head is answered 431.
	MaxHead int
	// MaxBody bounds a request's body, in bytes, also after it was decompressed; 0 means 64 MiB. A longer one is answered
	// 413.
	MaxBody int
	// MaxBodies bounds what the bodies of all requests that are not yet answered take together, in bytes; 0 means 1 GiB, and
	// less than MaxBody means MaxBody. JSON counts with what it takes while it is decoded. A request whose body would exceed
	// it is answered 503, or 413 if it does so alone. Two things do not count: the first 64 KiB of a message, which are there
	// only until it is delivered, and a body that an actor reads as it arrives, of which the wire holds at most 128 KiB.
	MaxBodies int
	// MaxQueue bounds what waits for one peer that does not read, in bytes, those being written included; 0 means 64 MiB.
	// When it is exceeded, and Patience or MaxReserve is, too, the peer's connections are closed and what waits is lost.
	MaxQueue int
	// MaxReserve bounds what waits beyond MaxQueue for all peers, and beyond 64 MiB for all clients of streams, that go on
	// reading, together, in bytes; 0 means 1 GiB.
	MaxReserve int
	// Patience is how long a peer or client for which more than its bound waits may take to read 64 KiB; 0 means 30s.
	Patience time.Duration
	// MaxPending bounds the pipelined requests of one connection that wait for an answer; 0 means 128. Beyond it nothing
	// more is read.
	MaxPending int

	DialTimeout        time.Duration  // of a connection to a peer; 0 means 10s
	RequestTimeout     time.Duration  // for a request that has begun to come in, or 64 KiB of it; 0 means 1m
	RequirePeerIPMatch bool           // refuse messages whose sender's IP is neither the connection's nor proven; see Secure
	Protocols          []Protocol     // others that share the port
	Secure             Secure         // encrypts the connections; nil leaves them as they are
	Log                zerolog.Logger // zero: warnings and errors go to standard error

	// HTTP answers requests that are not messages. nil: [web.Serve] of the node that the wire is started for.
	HTTP web.Handler
}

// Secure encrypts connections. Package secure implements it. Its methods may be called on any goroutine.
type Secure interface {
	// Accept returns what to read from and to write to instead of conn, which a peer has made. It does not wait. If that has
	// a method Proves(netip.Addr) bool, it says which addresses the peer is known to have besides that of conn.
	Accept(conn net.Conn) net.Conn
	// Dial connects to "ip:port".
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// validate refuses what makes no sense.
func (o Options) validate() error {
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"MaxHead", o.MaxHead}, {"MaxBody", o.MaxBody}, {"MaxBodies", o.MaxBodies}, {"MaxQueue", o.MaxQueue},
		{"MaxReserve", o.MaxReserve}, {"MaxPending", o.MaxPending},
	} {
		if limit.value < 0 {
			return fmt.Errorf("libprocess: %s is %d; it must be positive, or 0 for the default", limit.name, limit.value)
		}
	}
	for _, timeout := range []struct {
		name  string
		value time.Duration
	}{{"DialTimeout", o.DialTimeout}, {"RequestTimeout", o.RequestTimeout}, {"Patience", o.Patience}} {
		if timeout.value < 0 {
			return fmt.Errorf("libprocess: %s is %s; it must be positive, or 0 for the default", timeout.name, timeout.value)
		}
	}
	for _, p := range o.Protocols {
		if p.Prefix == "" || p.Serve == nil {
			return fmt.Errorf("libprocess: the protocol %q needs a prefix and a function that serves it", p.Prefix)
		}
	}
	return nil
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.MaxHead, 64<<10)
	def(&o.MaxBody, 64<<20)
	def(&o.MaxBodies, 1<<30)
	o.MaxBodies = max(o.MaxBodies, o.MaxBody)
	def(&o.MaxQueue, 64<<20)
	def(&o.MaxReserve, 1<<30)
	def(&o.MaxPending, 128)
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 10 * time.Second
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = time.Minute
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	o.Log = stderrlog.Default(o.Log)
	return o
}

// Wire implements [runtime.Wire].
type Wire struct {
	options  Options
	listener net.Listener
	addr     string
	receiver runtime.Receiver
	http     web.Handler
	serving  sync.WaitGroup

	full, lost atomic.Uint64 // see Drops
	bodies     atomic.Int64  // bytes of bodies that are arriving, or not answered
	reserve    *loan.Reserve // of queues and streams

	mu      sync.Mutex
	closed  bool
	peers   map[string]*peer
	dialled runtime.Connection // connections so far
	inbound map[*inbound]struct{}
}

// Listen takes the port. Nothing is accepted before the node starts the wire.
func Listen(o Options) (*Wire, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.Address, err)
	}
	addr, err := advertised(listener.Addr().(*net.TCPAddr).AddrPort(), o)
	if err != nil {
		listener.Close()
		return nil, err
	}
	return newWire(listener, addr, o), nil
}

// On returns a wire that serves what comes in by listener, which may be one of a Unix domain socket. It has no address, so
// that nothing can be sent by it. It closes listener.
func On(listener net.Listener, o Options) (*Wire, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return newWire(listener, "", o.withDefaults()), nil
}

func newWire(listener net.Listener, addr string, o Options) *Wire {
	w := &Wire{options: o, listener: listener, addr: addr, peers: map[string]*peer{}, inbound: map[*inbound]struct{}{}}
	w.reserve = loan.NewReserve(o.MaxReserve)
	return w
}

// advertised completes what is to be advertised with what was bound.
func advertised(bound netip.AddrPort, o Options) (string, error) {
	ip, port := bound.Addr().Unmap(), bound.Port()
	if advertise := o.Advertise; advertise != "" {
		host, service, err := net.SplitHostPort(advertise)
		if err != nil {
			return "", fmt.Errorf("advertised address %q is not ip:port: %w", advertise, err)
		}
		if host != "" {
			if ip, err = netip.ParseAddr(host); err != nil {
				return "", fmt.Errorf("advertised address %q is not ip:port: %w", advertise, err)
			}
		}
		if service != "" && service != "0" {
			given, err := netip.ParseAddrPort("0.0.0.0:" + service)
			if err != nil {
				return "", fmt.Errorf("advertised address %q is not ip:port: %w", advertise, err)
			}
			port = given.Port()
		}
	}
	if ip.IsUnspecified() {
		return "", fmt.Errorf("listening on %s, nobody can be told an address: name the one to advertise", o.Address)
	}
	return netip.AddrPortFrom(ip, port).String(), nil
}

// Addr implements [runtime.Wire].
func (w *Wire) Addr() string { return w.addr }

// Start implements [runtime.Wire].
func (w *Wire) Start(r runtime.Receiver) error {
	if w.receiver != nil {
		return errors.New("libprocess: the wire is started already")
	}
	w.receiver, w.http = r, w.options.HTTP
	if w.http == nil {
		w.http = serveNode(r)
	}
	w.serving.Add(1)
	go w.accept()
	return nil
}

// serveNode answers requests as r does if it is a node; others have nothing to say.
func serveNode(r runtime.Receiver) web.Handler {
	n, ok := r.(*runtime.Node)
	if !ok {
		return func(*web.Request) runtime.Future[*web.Response] { return runtime.Ready(web.NotFound()) }
	}
	return func(req *web.Request) runtime.Future[*web.Response] { return web.Serve(n, req) }
}

func (w *Wire) accept() {
	defer w.serving.Done()
	for pause := time.Duration(0); ; {
		conn, err := w.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, most likely: others may end
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			w.options.Log.Warn().Err(err).Dur("pause", pause).Msg("connection not accepted")
			time.Sleep(pause)
			continue
		}
		pause = 0
		if w.options.Secure != nil {
			conn = w.options.Secure.Accept(conn)
		}
		go w.Serve(conn)
	}
}

// Serve serves a connection that others opened, as if the wire had accepted it, until it ends.
func (w *Wire) Serve(conn net.Conn) {
	c := newInbound(w, conn)
	if !w.enter(c) {
		conn.Close()
		return
	}
	defer w.serving.Done()
	c.run()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inbound, c)
}

// enter keeps c to be closed with the wire; it reports false when that is closed.
func (w *Wire) enter(c *inbound) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.inbound[c] = struct{}{}
	w.serving.Add(1)
	return true
}

// Send implements [runtime.Wire].
func (w *Wire) Send(e runtime.Envelope) {
	w.mu.Lock()
	p := w.peer(e.To.Addr)
	w.mu.Unlock()
	if p == nil {
		w.lose(e, "the wire is closed")
		return
	}
	err := p.send(e)
	switch {
	case errors.Is(err, errFull):
		w.full.Add(1)
		w.dropped(e, err.Error())
		w.sever(p)
	case errors.Is(err, errEnded):
		w.lose(e, err.Error())
	case err != nil:
		w.receiver.Refused(e, err)
	}
}

// sever ends p, whose queue is full, and the connections on which its node sends to us: both sides learn that the
// other is gone, and begin anew.
func (w *Wire) sever(p *peer) {
	p.abandon()
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.inbound {
		if from := c.sender.Load(); from != nil && *from == p.addr {
			c.close()
		}
	}
}

// Drops counts messages that were to be sent and were not.
type Drops struct {
	Full uint64 // more would have waited for a peer than may, or did too long, and its connection was closed; once for each of these
	Lost uint64 // the connection ended, or could not be made
}

// Drops returns the counts so far.
func (w *Wire) Drops() Drops { return Drops{Full: w.full.Load(), Lost: w.lost.Load()} }

// Link implements [runtime.Wire].
func (w *Wire) Link(addr string) runtime.Connection {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.linked(addr)
}

// linked returns the connection to addr, whose end is to be told; 0 when the wire is closed. w.mu is held.
func (w *Wire) linked(addr string) runtime.Connection {
	p := w.peer(addr)
	if p == nil {
		return 0
	}
	p.linked = true
	return p.number
}

// Relink implements [runtime.Wire].
func (w *Wire) Relink(addr string) runtime.Connection {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.peers[addr]; old != nil {
		delete(w.peers, addr) // from here on its end is nobody's business
		old.abandon()
	}
	return w.linked(addr)
}

// peer returns the façade of addr, connecting if there is none; nil when the wire is closed. w.mu is held.
func (w *Wire) peer(addr string) *peer {
	if w.closed {
		return nil
	}
	p := w.peers[addr]
	if p == nil {
		w.dialled++
		p = newPeer(w, addr, w.dialled)
		w.peers[addr] = p
		w.serving.Add(1)
		go func() {
			defer w.serving.Done()
			w.ended(p, p.run())
		}()
	}
	return p
}

// ended forgets p and notifies its linkers, once, unless a newer connection has taken its place.
func (w *Wire) ended(p *peer, err error) {
	w.mu.Lock()
	current := w.peers[p.addr] == p
	if current {
		delete(w.peers, p.addr)
	}
	tell := current && p.linked && !w.closed
	w.mu.Unlock()
	w.options.Log.Debug().Err(err).Str("peer", p.addr).Bool("linked", p.linked).Msg("connection ended")
	if tell {
		w.receiver.Exited(p.addr, p.number)
	}
}

// Close implements [runtime.Wire]. What is queued for peers that read is still sent, while ctx lasts.
func (w *Wire) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	for _, p := range w.peers {
		p.finish()
	}
	for c := range w.inbound {
		c.close()
	}
	w.mu.Unlock()
	err := w.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // it was closed before
	}
	done := make(chan struct{})
	go func() {
		w.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	w.mu.Lock()
	for _, p := range w.peers {
		p.abandon()
	}
	w.mu.Unlock()
	return ctx.Err()
}

// lose is dropped for want of a connection.
func (w *Wire) lose(e runtime.Envelope, why string) {
	w.lost.Add(1)
	w.dropped(e, why)
}

// dropped traces what is lost.
func (w *Wire) dropped(e runtime.Envelope, why string) {
	w.options.Log.Debug().Str("name", e.Name).Stringer("to", e.To).Str("why", why).Msg("message dropped")
	w.receiver.Dropped(e, why)
}
