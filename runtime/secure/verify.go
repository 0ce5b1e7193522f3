package secure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// verification verifies the certificate of one peer.
type verification struct {
	options *Options
	roots   *x509.CertPool
	peer    netip.Addr // where it is
	host    string     // the name that was connected to; empty if that was an address
	server  bool       // it is a server
}

// connection implements tls.Config.VerifyConnection.
//
// Mesos: openssl::verify, openssl::configure_socket.
func (v verification) connection(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("Peer did not provide certificate")
	}
	cert := s.PeerCertificates[0]
	if err := v.chain(cert, s.PeerCertificates[1:]); err != nil {
		return fmt.Errorf("Could not verify peer certificate: %w", err)
	}
	if v.options.Scheme == OpenSSL {
		return v.address(cert)
	}
	return v.legacy(cert)
}

// chain verifies that an authority vouches for cert, over at most Depth certificates between them.
func (v verification) chain(cert *x509.Certificate, between []*x509.Certificate) error {
	others := x509.NewCertPool()
	for _, c := range between {
		others.AddCert(c)
	}
	usage := x509.ExtKeyUsageClientAuth
	if v.server {
		usage = x509.ExtKeyUsageServerAuth
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: others, CurrentTime: v.options.Now(), KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(chains, func(c []*x509.Certificate) bool { return len(c) <= v.options.Depth+2 }) {
		return fmt.Errorf("certificate chain too long; LIBPROCESS_SSL_VERIFICATION_DEPTH allows %d", v.options.Depth)
	}
	return nil
}

// address verifies that the certificate is for the name or address that was connected to.
func (v verification) address(cert *x509.Certificate) error {
	switch {
	case !v.server:
		return nil
	case v.host != "":
		return cert.VerifyHostname(v.host)
	case !v.options.VerifyIP:
		return errors.New("No DNS name given and IP address verification is disabled (LIBPROCESS_SSL_VERIFY_IPADD)")
	}
	return cert.VerifyHostname(v.peer.String())
}

// slowest is how long a look-up of a name may take.
const slowest = 5 * time.Second

// legacy verifies that the certificate is for the name that the peer's address resolves to or, with VerifyIP, for the
// address.
func (v verification) legacy(cert *x509.Certificate) error {
	names := v.names()
	if len(names) == 0 && !v.options.VerifyIP {
		if v.options.VerifyClients {
			return errors.New("Cannot verify peer certificate: peer hostname unknown")
		}
		return nil
	}
	own := cert.DNSNames
	if cert.Subject.CommonName != "" {
		own = append(slices.Clone(own), cert.Subject.CommonName)
	}
	for _, name := range names {
		if slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(o, name) }) {
			return nil
		}
	}
	if v.options.VerifyIP && certifies(cert, v.peer) {
		return nil
	}
	return fmt.Errorf("Could not verify presented certificate with hostname %s, IP %s", strings.Join(names, " or "), v.peer)
}

// certifies reports whether a certificate is for an address.
func certifies(cert *x509.Certificate, addr netip.Addr) bool {
	return slices.ContainsFunc(cert.IPAddresses, func(ip net.IP) bool {
		a, ok := netip.AddrFromSlice(ip)
		return ok && a.Unmap() == addr
	})
}

// names returns the names of the peer.
func (v verification) names() []string {
	ctx, cancel := context.WithTimeout(context.Background(), slowest)
	defer cancel()
	found, err := net.DefaultResolver.LookupAddr(ctx, v.peer.String())
	if err != nil && v.host != "" {
		return []string{v.host}
	}
	for i, name := range found {
		found[i] = strings.TrimSuffix(name, ".")
	}
	return found
}
