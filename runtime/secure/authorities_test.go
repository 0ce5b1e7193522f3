package secure_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meseta/runtime/secure"
)

// place writes the certificate of an authority into a directory, under a name.
func place(t *testing.T, ca *identity, dir, name string) {
	t.Helper()
	from, _ := ca.write(t, t.TempDir())
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// All authorities in the files of a directory count, beside those of the file, whatever the files are called and whatever else
// is there.
func TestAuthoritiesInADirectory(t *testing.T) {
	t.Parallel()
	first, second, third, unknown := issue(t, nil, authority), issue(t, nil, authority), issue(t, nil, authority), issue(t, nil, authority)
	dir := t.TempDir()
	place(t, first, dir, "first.pem")
	kept := t.TempDir()
	place(t, second, kept, "second.pem")
	junk := os.WriteFile(filepath.Join(dir, "README"), []byte("no certificate"), 0o600)
	folder := os.Mkdir(filepath.Join(dir, "folder"), 0o700)
	link := os.Symlink(filepath.Join(kept, "second.pem"), filepath.Join(dir, "0a1b2c3d.0")) // as of c_rehash
	broken := os.Symlink("nowhere", filepath.Join(dir, "00000000.0"))
	for _, err := range []error{junk, folder, link, broken} {
		if err != nil {
			t.Fatal(err)
		}
	}
	place(t, unknown, filepath.Join(dir, "folder"), "unknown.pem")
	for _, c := range []struct {
		name    string
		ca      *identity
		file    bool // the third authority is in CAFile
		trusted bool
	}{
		{"a file", first, false, true}, {"a link", second, false, true}, {"not there", third, false, false},
		{"in the file", third, true, true}, {"a file beside the file", first, true, true}, {"in a folder below", unknown, true, false},
	} {
		o := options(t, issue(t, first, local), third)
		o.VerifyServers, o.CADir = true, dir
		if !c.file {
			o.CAFile = ""
		}
		server := options(t, issue(t, c.ca, local), c.ca)
		if err := talk(t, transport(t, o), echo(t, transport(t, server))); (err == nil) != c.trusted {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// An authority that is put into the directory counts from then on, also for clients, and one that is taken away no longer does.
func TestAuthoritiesChange(t *testing.T) {
	t.Parallel()
	old, fresh := issue(t, nil, authority), issue(t, nil, authority)
	dir := t.TempDir()
	place(t, old, dir, "old.pem")
	began := time.Now()
	var minutes atomic.Int64 // since then; the server asks on its own goroutines
	s := options(t, issue(t, old, local), old)
	s.CAFile, s.CADir, s.VerifyClients = "", dir, true
	s.Now = func() time.Time { return began.Add(time.Duration(minutes.Load()) * time.Minute) }
	addr := echo(t, transport(t, s))
	expect := func(what string, ca *identity, trusted bool) {
		t.Helper()
		o := options(t, issue(t, ca, local), old)
		o.VerifyServers = true
		if err := talk(t, transport(t, o), addr); (err == nil) != trusted {
			t.Errorf("%s: %v", what, err)
		}
	}
	expect("the old one", old, true)
	expect("the new one before", fresh, false)
	place(t, fresh, dir, "fresh.pem")
	minutes.Add(1)
	expect("the old one still", old, true)
	expect("the new one", fresh, true)
	if err := os.Remove(filepath.Join(dir, "old.pem")); err != nil {
		t.Fatal(err)
	}
	minutes.Add(1)
	expect("the old one afterwards", old, false)
	expect("the new one afterwards", fresh, true)
}

// What two peers agree on is what the options allow.
func TestAgreement(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	for _, c := range []struct {
		name string
		edit func(*secure.Options)
		want func(tls.ConnectionState) bool
	}{
		{"a cipher", func(o *secure.Options) { o.Ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384" },
			func(s tls.ConnectionState) bool { return s.CipherSuite == tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 }},
		{"a cipher among those that are not supported", func(o *secure.Options) { o.Ciphers = "RC4-SHA:ECDHE-ECDSA-CHACHA20-POLY1305" },
			func(s tls.ConnectionState) bool {
				return s.CipherSuite == tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
			}},
		{"a curve", func(o *secure.Options) { o.Curves = "P-384" }, func(s tls.ConnectionState) bool { return s.CurveID == tls.CurveP384 }},
		{"any curve", func(o *secure.Options) { o.Curves = "auto" }, func(s tls.ConnectionState) bool { return s.CurveID != 0 }},
		{"TLS 1.0", func(o *secure.Options) { o.Versions, o.Ciphers = []uint16{tls.VersionTLS10}, "ECDHE-ECDSA-AES128-SHA" },
			func(s tls.ConnectionState) bool { return s.Version == tls.VersionTLS10 }},
		{"TLS 1.1", func(o *secure.Options) {
			o.Versions, o.Ciphers = []uint16{tls.VersionTLS10, tls.VersionTLS11}, "ECDHE-ECDSA-AES256-SHA"
		}, func(s tls.ConnectionState) bool { return s.Version == tls.VersionTLS11 }},
		{"TLS 1.2", func(*secure.Options) {}, func(s tls.ConnectionState) bool { return s.Version == tls.VersionTLS12 }},
	} {
		limited, free := options(t, issue(t, ca, local), ca), options(t, issue(t, ca, local), ca)
		free.Versions = []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}
		free.Ciphers = strings.Join([]string{secure.DefaultCiphers, "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA"}, ":")
		c.edit(&limited)
		for side, addr := range map[string]string{"server": echo(t, transport(t, limited)), "client": echo(t, transport(t, free))} {
			dialer := free
			if side == "client" {
				dialer = limited
			}
			conn, err := transport(t, dialer).Dial(t.Context(), addr)
			if err != nil {
				t.Errorf("%s, by the %s: %v", c.name, side, err)
				continue
			}
			if s := conn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState(); !c.want(s) {
				t.Errorf("%s, by the %s: %s, %s, %s", c.name, side, tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.CurveID)
			}
			conn.Close()
		}
	}
}
