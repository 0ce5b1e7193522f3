package secure_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime/secure"
)

// identity is a certificate with its key and those above it.
type identity struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	issuer *identity
}

// issue returns an identity that issuer vouches for; nil is itself.
func issue(t testing.TB, issuer *identity, edit func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{Organization: []string{"test " + number.String()}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if edit != nil {
		edit(template)
	}
	id := &identity{key: key, issuer: issuer}
	above, signer := template, key
	if issuer != nil {
		above, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, above, &key.PublicKey, signer)
	if err == nil {
		id.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func authority(c *x509.Certificate) { c.IsCA = true }

// local is for this machine.
func local(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }

// write writes the certificate, with those between it and the authority, and the key into files.
func (id *identity) write(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	var chain []byte
	for at := id; at.issuer != nil || at == id; at = at.issuer {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: at.cert.Raw})...)
		if at.issuer == nil {
			break
		}
	}
	der, err := x509.MarshalECPrivateKey(id.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, text := range map[string][]byte{cert: chain, key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// options returns those of a node with an identity, that trusts an authority.
func options(t testing.TB, id, ca *identity) secure.Options {
	t.Helper()
	o := secure.Options{VerifyIP: true, Depth: 4, Versions: []uint16{tls.VersionTLS12}, Log: zerolog.Nop()}
	o.Cert, o.Key = id.write(t, t.TempDir())
	dir := t.TempDir()
	o.CAFile, _ = ca.write(t, dir)
	return o
}

func transport(t testing.TB, o secure.Options) *secure.Transport {
	t.Helper()
	s, err := secure.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// echo serves connections by saying what it hears, and returns its address. Without s it knows no TLS.
func echo(t testing.TB, s *secure.Transport) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if s != nil {
					c := s.Accept(conn)
					io.Copy(c, c) //nolint:errcheck // the client notices
					c.Close()
					return
				}
				first := make([]byte, 1)
				if _, err := io.ReadFull(conn, first); err == nil && first[0] != 0x16 { // else it is no request
					io.Copy(conn, io.MultiReader(bytes.NewReader(first), conn)) //nolint:errcheck // as above
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// talk says something to an echo, and hears it.
func talk(t testing.TB, s *secure.Transport, addr string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := s.Dial(ctx, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	heard := make([]byte, 5)
	if _, err := io.ReadFull(conn, heard); err != nil {
		return err
	}
	if string(heard) != "hello" {
		t.Errorf("heard %q", heard)
	}
	return nil
}

// Who is at the other end is verified as the options say.
func TestVerification(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	other := issue(t, nil, authority)
	between := issue(t, ca, authority)
	good, deep, foreign := issue(t, ca, local), issue(t, between, local), issue(t, other, local)
	elsewhere := issue(t, ca, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} })
	expired := issue(t, ca, func(c *x509.Certificate) { local(c); c.NotAfter = time.Now().Add(-time.Minute) })
	for _, c := range []struct {
		name           string
		server, client *identity
		edit           func(server, client *secure.Options)
		want           string // in the client's error; "any" is any error
	}{
		{"nothing is verified", foreign, foreign, nil, ""},
		{"an expired one", expired, expired, nil, ""},
		{"the server is good", good, foreign, func(_, c *secure.Options) { c.VerifyServers = true }, ""},
		{"the server is of another authority", foreign, good, func(_, c *secure.Options) { c.VerifyServers = true }, "Could not verify peer certificate"},
		{"the server has expired", expired, good, func(_, c *secure.Options) { c.VerifyServers = true }, "Could not verify peer certificate"},
		{"the server is elsewhere", elsewhere, good, func(_, c *secure.Options) { c.VerifyServers, c.Scheme = true, secure.OpenSSL }, "10.0.0.1"},
		{"both are good", good, good, func(s, c *secure.Options) { s.VerifyClients, c.VerifyClients = true, true }, ""},
		{"the client is of another authority", good, foreign, func(s, c *secure.Options) { s.VerifyClients, c.VerifyServers = true, true }, "any"},
		{"clients may be anywhere", good, elsewhere, func(s, c *secure.Options) { s.VerifyClients, s.Scheme = true, secure.OpenSSL }, ""},
		{"an authority between", deep, good, func(_, c *secure.Options) { c.VerifyServers = true }, ""},
		{"an authority too many", deep, good, func(_, c *secure.Options) { c.VerifyServers, c.Depth = true, 0 }, "certificate chain too long"},
		{"addresses do not count", good, good, func(_, c *secure.Options) {
			c.VerifyServers, c.VerifyIP, c.Scheme = true, false, secure.OpenSSL
		}, "IP address verification is disabled"},
		{"no version in common", good, good, func(_, c *secure.Options) { c.Versions = []uint16{tls.VersionTLS13} }, "any"},
		{"TLS 1.3", good, good, func(s, c *secure.Options) {
			s.Versions, c.Versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}, []uint16{tls.VersionTLS13}
			s.VerifyClients = true
		}, ""},
	} {
		s, cl := options(t, c.server, ca), options(t, c.client, ca)
		if c.edit != nil {
			c.edit(&s, &cl)
		}
		err := talk(t, transport(t, cl), echo(t, transport(t, s)))
		if (c.want == "") != (err == nil) || err != nil && c.want != "any" && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Without a downgrade, neither side talks to a peer that does not encrypt. With one, both do.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	strict := options(t, issue(t, ca, local), ca)
	lax := strict
	lax.Downgrade = true
	plain := func(addr string) error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.Write([]byte("hello")) //nolint:errcheck // what is read tells
		_, err = io.ReadFull(conn, make([]byte, 5))
		return err
	}
	s, l := transport(t, strict), transport(t, lax)
	if err := plain(echo(t, s)); err == nil {
		t.Error("a server that requires TLS answers without")
	}
	if err := plain(echo(t, l)); err != nil {
		t.Errorf("a server with downgrades: %v", err)
	}
	if err := talk(t, l, echo(t, l)); err != nil {
		t.Errorf("TLS where downgrades are possible: %v", err)
	}
	if err := talk(t, l, echo(t, nil)); err != nil {
		t.Errorf("a client with downgrades: %v", err)
	}
	if err := talk(t, s, echo(t, nil)); err == nil {
		t.Error("a client that requires TLS talks without")
	}
}

// resumes reports whether a client that keeps sessions resumes one with an echo.
func resumes(t *testing.T, addr string, version uint16) (resumed bool) {
	t.Helper()
	client := &tls.Config{ //nolint:gosec // who serves is known
		InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1), ServerName: "node", MinVersion: version, MaxVersion: version,
	}
	for range 3 {
		conn, err := tls.Dial("tcp", addr, client)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = conn.Write([]byte("hello")); err == nil { // a ticket comes with what is read after the handshake
			_, err = io.ReadFull(conn, make([]byte, 5))
		}
		if err != nil {
			t.Error(err)
		}
		resumed = resumed || conn.ConnectionState().DidResume
		conn.Close()
	}
	return resumed
}

// Every connection proves anew who is at its ends: no session is resumed, as one is with a server of Go's defaults.
func TestSessionsAreNotResumed(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		o := options(t, issue(t, ca, local), ca)
		o.Versions = []uint16{version}
		if resumes(t, echo(t, transport(t, o)), version) {
			t.Errorf("%s: a session was resumed", tls.VersionName(version))
		}
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}}) //nolint:gosec // a peer to compare with
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				io.Copy(conn, conn) //nolint:errcheck // the client notices
				conn.Close()
			}
		})
		if !resumes(t, l.Addr().String(), version) {
			t.Errorf("%s: a server of Go's defaults resumes no session, so that nothing is proved", tls.VersionName(version))
		}
		l.Close()
		serving.Wait()
	}
}

// New certificates are used without a restart; broken ones are not.
func TestCertificatesChange(t *testing.T) {
	t.Parallel()
	ca, next := issue(t, nil, authority), issue(t, nil, authority)
	began := time.Now()
	var minutes atomic.Int64 // since then; the server asks on its own goroutines
	s := options(t, issue(t, ca, local), ca)
	s.Now = func() time.Time { return began.Add(time.Duration(minutes.Load()) * time.Minute) }
	server := transport(t, s)
	addr := echo(t, server)
	trusting := func(ca *identity) *secure.Transport {
		o := options(t, issue(t, ca, local), ca)
		o.VerifyServers = true
		return transport(t, o)
	}
	old, fresh := trusting(ca), trusting(next)
	expect := func(what string, usesOld bool) {
		t.Helper()
		if err := talk(t, old, addr); (err == nil) != usesOld {
			t.Errorf("%s: who trusts the old one has %v", what, err)
		}
		if err := talk(t, fresh, addr); (err == nil) == usesOld {
			t.Errorf("%s: who trusts the new one has %v", what, err)
		}
	}
	expect("before", true)
	if err := os.WriteFile(s.Cert, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	minutes.Add(1)
	expect("with a broken file", true)
	issue(t, next, local).write(t, filepath.Dir(s.Cert))
	minutes.Add(1)
	expect("afterwards", false)
}

// While certificates are replaced again and again, no connection breaks, and none is refused.
func TestCertificatesChangeUnderLoad(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	began := time.Now()
	var seconds atomic.Int64 // since then; every look at the clock finds the files due
	s := options(t, issue(t, ca, local), ca)
	s.VerifyClients = true
	s.Now = func() time.Time { return began.Add(time.Duration(seconds.Add(1)) * time.Second) }
	server := transport(t, s)
	addr := echo(t, server)
	dialer := options(t, issue(t, ca, local), ca)
	dialer.VerifyServers = true
	client := transport(t, dialer)
	kept, err := client.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	var talking sync.WaitGroup
	defer talking.Wait()
	for range 4 {
		talking.Go(func() {
			for range 25 {
				if err := talk(t, client, addr); err != nil {
					t.Errorf("a new connection: %v", err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { talking.Wait(); close(over) }()
	for changing := true; changing; {
		issue(t, ca, local).write(t, filepath.Dir(s.Cert))
		if _, err := kept.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(kept, make([]byte, 5)); err != nil {
			t.Fatalf("the connection that was there before: %v", err)
		}
		select {
		case <-over:
			changing = false
		default:
		}
	}
}

// What cannot work is said at the start.
func TestOptionsThatCannotWork(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	empty := t.TempDir()
	for want, edit := range map[string]func(*secure.Options){
		"SSL requires key":                                func(o *secure.Options) { o.Key = "" },
		"SSL requires certificate":                        func(o *secure.Options) { o.Cert = "" },
		"Could not load cert file '/nosuch":               func(o *secure.Options) { o.Cert = "/nosuch" },
		"Unknown value for hostname_validation_scheme: x": func(o *secure.Options) { o.Scheme = "x" },
		"none of the ciphers":                             func(o *secure.Options) { o.Ciphers = "NULL-MD5" },
		"none of the curves":                              func(o *secure.Options) { o.Curves = "brainpool" },
		"no version of TLS":                               func(o *secure.Options) { o.Versions = nil },
		"but not what is between":                         func(o *secure.Options) { o.Versions = []uint16{tls.VersionTLS10, tls.VersionTLS12} },
		"Could not load CA file":                          func(o *secure.Options) { o.VerifyServers, o.CAFile = true, "/nosuch" },
		"has no file with a certificate":                  func(o *secure.Options) { o.VerifyServers, o.CAFile, o.CADir = true, "", empty },
	} {
		o := options(t, issue(t, ca, local), ca)
		edit(&o)
		if _, err := secure.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Nobody can write past the encryption by way of the socket.
func TestSocketIsNotOffered(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	conn, other := net.Pipe()
	defer conn.Close()
	defer other.Close()
	if _, ok := transport(t, options(t, issue(t, ca, local), ca)).Accept(conn).(syscall.Conn); ok {
		t.Error("the socket can be had")
	}
}

// No hello, however odd, is answered with anything but TLS, or keeps the goroutine that reads it.
func FuzzHello(f *testing.F) {
	ca := issue(f, nil, authority)
	s := transport(f, options(f, issue(f, ca, local), ca))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0})
	f.Add([]byte{0x16})
	f.Add([]byte{0x80, 0x2e, 1, 0, 2})
	f.Fuzz(func(t *testing.T, hello []byte) {
		near, far := net.Pipe()
		said := make(chan []byte, 1)
		go func() {
			go func() {
				far.Write(hello) //nolint:errcheck // the server may have gone
				far.Close()
			}()
			all, _ := io.ReadAll(far)
			said <- all
		}()
		c := s.Accept(near)
		n, err := c.Read(make([]byte, 1))
		if n > 0 || err == nil {
			t.Errorf("%x is heard", hello)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%x waits", hello)
		}
		c.Close()
		near.Close()
		if answer := <-said; len(answer) > 0 && answer[0] != 0x15 && answer[0] != 0x16 {
			t.Errorf("%x is answered by %x", hello, bytes.TrimSpace(answer))
		}
	})
}
