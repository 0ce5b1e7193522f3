package fetcher_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// known is the certificate of servers that this system trusts.
var known tls.Certificate

// TestMain makes this system trust one certificate, as an operator would.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "fetcher-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		if known, err = certificate(1); err != nil {
			fmt.Println(err)
			return 1
		}
		roots := filepath.Join(dir, "roots.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate[0]})
		if err := os.WriteFile(roots, text, 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
		os.Setenv("SSL_CERT_FILE", roots) //nolint:errcheck // the name and the value are valid
		os.Setenv("SSL_CERT_DIR", dir)    //nolint:errcheck // likewise
		return m.Run()
	}())
}

// certificate returns a certificate for 127.0.0.1 that only itself signs. Its key follows from seed.
func certificate(seed byte) (tls.Certificate, error) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(nil, about, about, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Over ftps, both the session and the files are encrypted.
func TestFTPS(t *testing.T) {
	t.Parallel()
	s := newFTPS(t, known, map[string]string{"f": "secret"})
	k := kitchen{sandbox: t.TempDir()}
	if err := k.fetch(uri("ftps://me:secret@" + s.addr + "/f")); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "f", "secret")
	if s.asked("PROT P") != 1 || s.asked("PASS secret") != 1 {
		t.Errorf("the server heard %q", s.said)
	}
}

// A server with a certificate that this system does not trust is told nothing.
func TestFTPSOfAStranger(t *testing.T) {
	t.Parallel()
	stranger, err := certificate(2)
	if err != nil {
		t.Fatal(err)
	}
	s := newFTPS(t, stranger, map[string]string{"f": "secret"})
	k := kitchen{sandbox: t.TempDir()}
	if err := k.fetch(uri("ftps://me:secret@" + s.addr + "/f")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("fetched from a stranger: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.said) > 0 {
		t.Errorf("the stranger heard %q", s.said)
	}
}

// A server that speaks without encryption is no ftps server.
func TestFTPSOfAPlainServer(t *testing.T) {
	t.Parallel()
	s := newFTP(t, map[string]string{"f": "content"})
	k := kitchen{sandbox: t.TempDir()}
	if err := k.fetch(uri("ftps://" + s.addr + "/f")); err == nil || !strings.Contains(err.Error(), "tls: first record does not look like a TLS handshake") {
		t.Errorf("fetched: %v", err)
	}
}
