package program

import (
	"crypto/tls"
	"errors"

	"github.com/rs/zerolog"

	"meseta/cmd/internal/flags"
	"meseta/runtime/secure"
)

// TLS configures the encryption of all connections by the variables LIBPROCESS_SSL_….
//
// Mesos: process::network::openssl::Flags.
type TLS struct {
	enabled bool
	options secure.Options
	// verify and require have two names each.
	verify, verifyOld, require, requireOld bool
	versions                               [4]bool // 1.0 to 1.3
	old                                    bool    // version 3 of SSL

	transport *secure.Transport
}

// versions lists the versions of TLS, and the ends of the names of their variables.
var versions = []struct {
	name   string
	number uint16
}{{"0", tls.VersionTLS10}, {"1", tls.VersionTLS11}, {"2", tls.VersionTLS12}, {"3", tls.VersionTLS13}}

func (t *TLS) bind(set *flags.Set) {
	o := &t.options
	for name, at := range map[string]any{
		"ENABLED": &t.enabled, "SUPPORT_DOWNGRADE": &o.Downgrade, "CERT_FILE": &o.Cert, "KEY_FILE": &o.Key,
		"VERIFY_CERT": &t.verifyOld, "VERIFY_SERVER_CERT": &t.verify, "REQUIRE_CERT": &t.requireOld, "REQUIRE_CLIENT_CERT": &t.require,
		"VERIFY_IPADD": &o.VerifyIP, "VERIFICATION_DEPTH": &o.Depth, "CA_DIR": &o.CADir, "CA_FILE": &o.CAFile,
		"ECDH_CURVES": &o.Curves, "HOSTNAME_VALIDATION_SCHEME": &o.Scheme, "ENABLE_SSL_V3": &t.old,
	} {
		set.Bind("LIBPROCESS_SSL_"+name, at)
	}
	set.Default("LIBPROCESS_SSL_CIPHERS", secure.DefaultCiphers)
	set.Bind("LIBPROCESS_SSL_CIPHERS", &o.Ciphers)
	for i, v := range versions {
		set.Bind("LIBPROCESS_SSL_ENABLE_TLS_V1_"+v.name, &t.versions[i])
	}
	set.Check(func() error {
		if !t.enabled {
			set.Unused("SSL_") // SSL_CERT_FILE, for one, is often set for OpenSSL
		}
		return t.check()
	})
}

func (t *TLS) check() error {
	if t.enabled && t.old {
		return errors.New("LIBPROCESS_SSL_ENABLE_SSL_V3: version 3 of SSL is broken and not supported; TLS 1.2 and 1.3 are")
	}
	for i, v := range versions {
		if t.versions[i] {
			t.options.Versions = append(t.options.Versions, v.number)
		}
	}
	t.options.VerifyServers, t.options.VerifyClients = t.verify || t.verifyOld, t.require || t.requireOld
	return nil
}

// Transport returns what encrypts the connections of the node, once that is started. It is nil if nothing does.
func (t *TLS) Transport() *secure.Transport { return t.transport }

func (t *TLS) start(log zerolog.Logger) (err error) {
	if t.enabled && t.transport == nil {
		o := t.options
		o.Log = log
		t.transport, err = secure.New(o)
	}
	return err
}
