package secure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// handshakeRecord is the first byte of every connection that begins with TLS. No request of HTTP begins with it.
const handshakeRecord = 0x16

// errPlain means that the peer does not speak TLS.
var errPlain = errors.New("the peer does not speak TLS; LIBPROCESS_SSL_SUPPORT_DOWNGRADE would accept that")

// dialled is an encrypted connection to a peer.
type dialled struct{ *tls.Conn }

// accepted is a connection from a peer. It finds out what the peer speaks when it is read from first, and must be read from
// before it is written to.
type accepted struct {
	net.Conn  // the socket, with its addresses and deadlines
	transport *Transport
	met       bool
	failed    error
	stream    atomic.Pointer[stream] // once the peer is met
}

// stream is what to read from and to write to: a *tls.Conn, or a socket of which a byte was read.
type stream struct{ net.Conn }

// NetConn returns the socket, whose state tells whether the peer is there. What is written to it is not encrypted.
func (a *accepted) NetConn() net.Conn { return a.Conn }

// Proves reports whether the peer has shown a certificate for an address, and that was verified.
func (a *accepted) Proves(addr netip.Addr) bool {
	s := a.stream.Load()
	if s == nil || !a.transport.options.VerifyClients {
		return false
	}
	encrypted, ok := s.Conn.(*tls.Conn)
	if !ok {
		return false
	}
	certs := encrypted.ConnectionState().PeerCertificates
	return len(certs) > 0 && certifies(certs[0], addr)
}

// Read implements [net.Conn].
func (a *accepted) Read(b []byte) (int, error) {
	if !a.met {
		a.met = true
		if a.failed = a.meet(); a.failed != nil {
			a.transport.complain(a.RemoteAddr(), a.failed)
		}
	}
	if a.failed != nil {
		return 0, a.failed
	}
	return a.stream.Load().Read(b)
}

// Write implements [net.Conn].
func (a *accepted) Write(b []byte) (int, error) {
	if s := a.stream.Load(); s != nil {
		return s.Write(b)
	}
	return 0, net.ErrClosed
}

// Close implements [net.Conn].
func (a *accepted) Close() error {
	if s := a.stream.Load(); s != nil {
		return s.Close()
	}
	return a.Conn.Close()
}

// CloseWrite tells the peer that nothing more will come.
func (a *accepted) CloseWrite() error {
	if s := a.stream.Load(); s != nil {
		if w, ok := s.Conn.(interface{ CloseWrite() error }); ok {
			return w.CloseWrite()
		}
	}
	return errors.ErrUnsupported
}

// meet waits for the first byte of the peer and, if that begins a handshake, makes it.
func (a *accepted) meet() error {
	first := make([]byte, 1)
	if _, err := io.ReadFull(a.Conn, first); err != nil {
		return err
	}
	replayed := &replay{Conn: a.Conn, first: bytes.NewReader(first)}
	if first[0] != handshakeRecord {
		if !a.transport.options.Downgrade {
			return errPlain
		}
		a.stream.Store(&stream{replayed})
		return nil
	}
	config, err := a.transport.server(addressOf(a.Conn))
	if err != nil {
		return err
	}
	encrypted := tls.Server(replayed, config)
	a.SetDeadline(time.Now().Add(handshakeTimeout)) //nolint:errcheck // if it fails, so does the handshake
	if err := encrypted.Handshake(); err != nil {
		return err
	}
	a.stream.Store(&stream{encrypted})
	return a.SetDeadline(time.Time{})
}

// replay is a connection of which the first byte was read already.
type replay struct {
	net.Conn
	first *bytes.Reader
}

// Read implements [net.Conn].
func (r *replay) Read(b []byte) (int, error) {
	if r.first.Len() > 0 {
		return r.first.Read(b)
	}
	return r.Conn.Read(b)
}

// CloseWrite tells the peer that nothing more will come.
func (r *replay) CloseWrite() error {
	if w, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// hungUp reports whether a peer ended the connection instead of answering a handshake.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}
