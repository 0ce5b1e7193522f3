package libprocess_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/libprocess"
)

func TestTheFirstBytesChooseTheProtocol(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ended := make(chan error, 1)
	echo := libprocess.Protocol{Prefix: "PRI * HTTP/2.0", Serve: func(conn net.Conn) {
		_, err := io.Copy(conn, conn)
		ended <- err
	}}
	var w *libprocess.Wire
	settings := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	secured := libprocess.Protocol{Prefix: "\x16\x03", Serve: func(conn net.Conn) { w.Serve(tls.Server(conn, settings)) }}
	w = listen(t, ear, func(o *libprocess.Options) { o.Protocols = []libprocess.Protocol{echo, secured} })

	foreign := dial(t, w.Addr())
	for _, part := range []string{"P", "RI * HTTP/2.0", "\r\n\r\nSM"} { // it may come in parts
		io.WriteString(foreign, part)
	}
	want := "PRI * HTTP/2.0\r\n\r\nSM"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(foreign, got); err != nil || string(got) != want {
		t.Fatalf("echoed %q, %v", got, err)
	}
	foreign.Close()
	if err := take(t, ended); err != nil {
		t.Errorf("ended with %v", err)
	}

	message := "POST /s/m HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nConnection: close\r\n\r\n"
	if got := exchange(t, w.Addr(), message); !strings.HasPrefix(got, "HTTP/1.1 202 ") {
		t.Errorf("a message was answered %q", got)
	}
	secure := tls.Client(dial(t, w.Addr()), &tls.Config{InsecureSkipVerify: true})
	io.WriteString(secure, message)
	if got, err := io.ReadAll(secure); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 202 ") {
		t.Errorf("a message over TLS was answered %q, %v", got, err)
	}
	if len(ear.messages) != 2 {
		t.Errorf("%d messages came", len(ear.messages))
	}
	// A silent link is the wire's, and ends with it; so does what another protocol serves.
	silent, lent := dial(t, w.Addr()), dial(t, w.Addr())
	io.WriteString(lent, echo.Prefix)
	io.ReadFull(lent, make([]byte, len(echo.Prefix)))
	w.Close(t.Context())
	for _, conn := range []net.Conn{silent, lent} {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection outlives its wire")
		}
	}
}

// certificate is one that nobody trusts.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var _ runtime.Wire = (*libprocess.Wire)(nil)
