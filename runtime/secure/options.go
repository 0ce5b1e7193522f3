package secure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// The schemes by which the name of a peer is validated.
const (
	// Legacy compares the name to which the peer's address resolves with the names in its certificate. It is for servers
	// and clients alike.
	Legacy = "legacy"
	// OpenSSL compares the name or, with VerifyIP, the address that was connected to with those in the server's
	// certificate. A client is anybody with a valid certificate.
	OpenSSL = "openssl"
)

// Options configure a [Transport]. The variables in parentheses begin with LIBPROCESS_SSL_.
type Options struct {
	Cert string // file of the certificate, with those between it and the authority (CERT_FILE); required
	Key  string // file of its private key (KEY_FILE); required

	Downgrade     bool // accept connections that are not encrypted, and make such if the peer knows no others (SUPPORT_DOWNGRADE)
	VerifyServers bool // servers must have a valid certificate (VERIFY_SERVER_CERT)
	VerifyClients bool // clients, too; implies VerifyServers (REQUIRE_CLIENT_CERT)
	VerifyIP      bool // an address in a certificate identifies the peer (VERIFY_IPADD)
	Depth         int  // certificates that may be between that of a peer and the authority (VERIFICATION_DEPTH)

	CAFile string // file of authorities (CA_FILE)
	CADir  string // directory of such files (CA_DIR); without either, the authorities are those of the system

	Ciphers  string // names as in OpenSSL, with colons between them (CIPHERS); empty means [DefaultCiphers]
	Curves   string // likewise (ECDH_CURVES); empty or auto means those of Go
	Scheme   string // [Legacy] or [OpenSSL] (HOSTNAME_VALIDATION_SCHEME); empty means Legacy
	Versions []uint16

	Now func() time.Time // nil means time.Now
	Log zerolog.Logger
}

// DefaultCiphers are those of Go that are safe, and for the sake of C++ nodes with their default the two of that which Go
// has. TLS 1.3 has ciphers of its own.
const DefaultCiphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" +
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:AES128-SHA:AES256-SHA"

// ciphers maps the names of OpenSSL.
var ciphers = map[string]uint16{
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// curves maps the names of OpenSSL.
var curves = map[string]tls.CurveID{
	"P-256": tls.CurveP256, "prime256v1": tls.CurveP256, "P-384": tls.CurveP384, "secp384r1": tls.CurveP384,
	"P-521": tls.CurveP521, "secp521r1": tls.CurveP521, "X25519": tls.X25519,
}

// parseNames looks up names with colons between them. It returns those that are not known, which is an error only if there
// are no others, as in OpenSSL.
func parseNames[T any](what, text string, known map[string]T) (found []T, unknown []string, err error) {
	for name := range strings.SplitSeq(text, ":") {
		if v, ok := known[name]; ok {
			found = append(found, v)
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(found) == 0 {
		err = fmt.Errorf("none of the %s %q is supported", what, text)
	}
	return found, unknown, err
}

// base returns the part of the configuration that does not depend on files.
func (o *Options) base() (*tls.Config, error) {
	c := &tls.Config{Time: o.Now, SessionTicketsDisabled: true} // as in libprocess, every connection begins anew
	var unknown []string
	var err error
	if c.CipherSuites, unknown, err = parseNames("ciphers", o.Ciphers, ciphers); err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		o.Log.Warn().Strs("ciphers", unknown).Msg("ciphers that are not supported are ignored")
	}
	if o.Curves != "" && o.Curves != "auto" {
		if c.CurvePreferences, unknown, err = parseNames("curves", o.Curves, curves); err != nil {
			return nil, err
		}
		if len(unknown) > 0 {
			o.Log.Warn().Strs("curves", unknown).Msg("curves that are not supported are ignored")
		}
	}
	c.MinVersion, c.MaxVersion, err = versions(o.Versions)
	return c, err
}

// versions returns the first and the last of the versions of TLS. There must be none missing between them.
func versions(all []uint16) (first, last uint16, err error) {
	if len(all) == 0 {
		return 0, 0, errors.New("no version of TLS is enabled")
	}
	first, last = all[0], all[0]
	for _, v := range all {
		if v > last+1 {
			return 0, 0, fmt.Errorf("%s and %s are enabled, but not what is between them", tls.VersionName(last), tls.VersionName(v))
		}
		last = v
	}
	return first, last, nil
}

func (o *Options) check() error {
	switch {
	case o.Key == "":
		return errors.New("SSL requires key! NOTE: Set path with LIBPROCESS_SSL_KEY_FILE")
	case o.Cert == "":
		return errors.New("SSL requires certificate! NOTE: Set path with LIBPROCESS_SSL_CERT_FILE")
	case o.Scheme != Legacy && o.Scheme != OpenSSL:
		return fmt.Errorf("Unknown value for hostname_validation_scheme: %s", o.Scheme)
	case o.Depth < 0:
		return fmt.Errorf("the verification depth %d is negative", o.Depth)
	}
	return nil
}
