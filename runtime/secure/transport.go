package secure

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Transport makes and accepts encrypted connections. All methods may be called on any goroutine.
type Transport struct {
	options Options
	config  *tls.Config // without what is in files
	files   files

	mu         sync.Mutex
	complained time.Time
	unsaid     int // complaints since then
}

// New returns a transport. It fails if a file cannot be read, or if the options contradict each other.
//
// Mesos: openssl::reinitialize.
func New(o Options) (*Transport, error) {
	o.Scheme, o.Ciphers = cmp.Or(o.Scheme, Legacy), cmp.Or(o.Ciphers, DefaultCiphers)
	o.VerifyServers = o.VerifyServers || o.VerifyClients
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	t := &Transport{options: o}
	var err error
	if t.config, err = t.options.base(); err != nil {
		return nil, err
	}
	t.files.options = &t.options
	if _, err := t.files.get(); err != nil {
		return nil, err
	}
	t.warn()
	return t, nil
}

func (t *Transport) warn() {
	o, log := &t.options, &t.options.Log
	if o.Downgrade {
		log.Warn().Msg("Failed SSL connections will be downgraded to a non-SSL socket")
	}
	if o.Downgrade && o.VerifyServers {
		log.Warn().Msg("TLS certificate verification was enabled, but can be bypassed because TLS downgrades are enabled")
	}
	if !o.VerifyServers {
		log.Warn().Msg("Will not verify server certificates! NOTE: Set LIBPROCESS_SSL_VERIFY_SERVER_CERT=1 to enable peer certificate verification")
	}
}

// handshakeTimeout is how long a peer that has begun a handshake may take for it.
const handshakeTimeout = 10 * time.Second

// Accept returns a connection that decrypts what comes in on conn. It does not wait: the handshake is made when the
// connection is read from first. A peer that does not speak TLS is served as it is if [Options.Downgrade] is set; otherwise
// reading fails.
func (t *Transport) Accept(conn net.Conn) net.Conn { return &accepted{Conn: conn, transport: t} }

// server returns the configuration for a connection that the peer has made.
func (t *Transport) server(peer netip.Addr) (*tls.Config, error) {
	m, err := t.files.get()
	if err != nil {
		return nil, err
	}
	c := t.config.Clone()
	c.Certificates = []tls.Certificate{*m.cert}
	if t.options.VerifyClients {
		c.ClientAuth = tls.RequireAnyClientCert
		c.VerifyConnection = verification{options: &t.options, roots: m.roots, peer: peer}.connection
	}
	return c, nil
}

// client returns the configuration for a connection to a server at an address, by a name unless host is empty.
func (t *Transport) client(peer netip.Addr, host string) (*tls.Config, error) {
	m, err := t.files.get()
	if err != nil {
		return nil, err
	}
	c := t.config.Clone()
	c.ServerName = host
	c.InsecureSkipVerify = true // VerifyConnection does it
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return m.cert, nil }
	if t.options.VerifyServers {
		c.VerifyConnection = verification{options: &t.options, roots: m.roots, peer: peer, host: host, server: true}.connection
	}
	return c, nil
}

// Dial connects to "host:port". If the server turns out not to speak TLS, it connects again without if [Options.Downgrade]
// is set.
func (t *Transport) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	encrypted, err := t.handshake(ctx, conn, addr)
	var plain tls.RecordHeaderError
	if err == nil || !t.options.Downgrade || ctx.Err() != nil || !errors.As(err, &plain) && !hungUp(err) {
		return encrypted, err
	}
	t.options.Log.Debug().Err(err).Str("peer", addr).Msg("the peer does not speak TLS: connecting without")
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// handshake makes an encrypted connection of conn, which it closes if that fails.
func (t *Transport) handshake(ctx context.Context, conn net.Conn, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err == nil {
		if _, err := netip.ParseAddr(host); err == nil {
			host = ""
		}
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	config, err := t.client(addressOf(conn), host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", addr, err)
	}
	return dialled{encrypted}, nil
}

// addressOf returns the address of the peer of a connection.
func addressOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// complaints is how much time is between two lines of the log about peers that were not met.
const complaints = 10 * time.Second

// complain logs why a peer was not met, unless there was such a line a moment ago.
func (t *Transport) complain(peer net.Addr, why error) {
	if errors.Is(why, net.ErrClosed) || errors.Is(why, io.EOF) {
		return // it has said nothing
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.options.Now()
	if !t.complained.IsZero() && now.Sub(t.complained) < complaints {
		t.unsaid++
		return
	}
	t.options.Log.Warn().Err(why).Stringer("peer", peer).Int("others", t.unsaid).Msg("connection refused by TLS")
	t.complained, t.unsaid = now, 0
}
