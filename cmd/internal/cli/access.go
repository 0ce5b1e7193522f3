package cli

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"meseta/actors/credentials"
)

// login is what the client authenticates with. The zero value is nothing.
type login struct{ principal, secret string }

// login returns what the user authenticates with if neither the master's nor the agents' section of the configuration
// file says otherwise: the file of --credential or MESOS_CREDENTIAL, or MESOS_PRINCIPAL and MESOS_SECRET.
func (s *session) login() (login, error) {
	path := cmp.Or(s.credential, s.env("MESOS_CREDENTIAL"))
	if path == "" {
		return login{s.env("MESOS_PRINCIPAL"), s.env("MESOS_SECRET")}, nil
	}
	file, err := credentials.ReadOne(path)
	if err != nil {
		return login{}, fmt.Errorf("credential: %w", err)
	}
	return login{file.Credentials[0].GetPrincipal(), file.Credentials[0].GetSecret()}, nil
}

// of returns the login for one section of the configuration file.
func (l login) of(principal, secret string) login {
	if l.principal != "" {
		return l
	}
	return login{principal, secret}
}

// isOn reports whether a variable of libprocess is true.
func (s *session) isOn(name string) bool {
	v := s.env("LIBPROCESS_SSL_" + name)
	return v == "1" || v == "true"
}

// scheme returns how masters are reached that are named without a scheme.
func (s *session) scheme() string {
	if s.isOn("ENABLED") {
		return "https"
	}
	return "http"
}

// transport returns what makes the connections. The variables of libprocess say which servers are trusted, and with which
// certificate the client proves who it is.
func (s *session) transport(c *config) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	verify := c.Agent.SSLVerify || s.isOn("VERIFY_CERT") || s.isOn("VERIFY_SERVER_CERT") || s.isOn("REQUIRE_CERT") || s.isOn("REQUIRE_CLIENT_CERT")
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: !verify} // as in libprocess
	if cert, key := s.env("LIBPROCESS_SSL_CERT_FILE"), s.env("LIBPROCESS_SSL_KEY_FILE"); s.isOn("ENABLED") && cert != "" && key != "" {
		own, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("LIBPROCESS_SSL_CERT_FILE: %w", err)
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{own}
	}
	var err error
	if verify {
		transport.TLSClientConfig.RootCAs, err = authorities(s.env("LIBPROCESS_SSL_CA_FILE"), s.env("LIBPROCESS_SSL_CA_DIR"))
	}
	return transport, err
}

// authorities reads the certificates of those that are trusted; nil means those of the system.
func authorities(file, dir string) (*x509.CertPool, error) {
	var files []string
	if file != "" {
		files = append(files, file)
	}
	if dir != "" {
		all, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			return nil, fmt.Errorf("LIBPROCESS_SSL_CA_DIR: %w", err)
		}
		files = append(files, all...)
	}
	if len(files) == 0 {
		return nil, nil
	}
	pool, some := x509.NewCertPool(), false
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && pool.AppendCertsFromPEM(text) {
			some = true
		}
	}
	if !some {
		return nil, fmt.Errorf("LIBPROCESS_SSL_CA_FILE, LIBPROCESS_SSL_CA_DIR: no certificate in %q", files)
	}
	return pool, nil
}
