package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/secure"
)

// guard is what protects a cluster as SECURITY.md recommends it: TLS on both sides of each connection, the credential of agents
// and schedulers, and rules that allow only what they do. A nil guard is that of a cluster that is open to everybody.
type guard struct {
	dir        string // with the files
	credential *mesospb.Credential
	transport  *secure.Transport
}

const (
	certFile, keyFile, credentials = "cert.pem", "key.pem", "credentials.json"

	rules = `{"permissive": false,
		"register_agents": [{"principals": {"values": ["hollow"]}, "agents": {"type": "ANY"}}],
		"register_frameworks": [{"principals": {"values": ["hollow"]}, "roles": {"type": "ANY"}}],
		"run_tasks": [{"principals": {"values": ["hollow"]}, "users": {"values": ["hollow"]}}]}`
)

// newGuard makes a guard whose files are in dir.
func newGuard(dir string) (*guard, error) {
	g := &guard{dir: dir, credential: &mesospb.Credential{Principal: proto.String("hollow"), Secret: proto.String("the secret of hollow nodes")}}
	if err := g.certify(); err != nil {
		return nil, err
	}
	all := `{"credentials": [{"principal": "hollow", "secret": "` + g.credential.GetSecret() + `"}]}`
	if err := os.WriteFile(g.path(credentials), []byte(all), 0o600); err != nil {
		return nil, err
	}
	var err error
	g.transport, err = secure.New(secure.Options{
		Cert: g.path(certFile), Key: g.path(keyFile), CAFile: g.path(certFile), VerifyClients: true, VerifyIP: true,
		Versions: []uint16{tls.VersionTLS12, tls.VersionTLS13}, Log: zerolog.Nop(),
	})
	return g, err
}

func (g *guard) path(name string) string { return filepath.Join(g.dir, name) }

// certify writes a certificate for this machine, which is its own authority, and its key.
func (g *guard) certify() error {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(nil, about, about, public, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	return errors.Join(err,
		os.WriteFile(g.path(certFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(g.path(keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// master returns the flags and environment variables of the master.
func (g *guard) master() (args, env []string) {
	if g == nil {
		return nil, nil
	}
	args = []string{"--authenticate_agents", "--authenticate_frameworks", "--credentials=" + g.path(credentials), "--acls=" + rules}
	env = []string{
		"LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_CERT_FILE=" + g.path(certFile), "LIBPROCESS_SSL_KEY_FILE=" + g.path(keyFile),
		"LIBPROCESS_SSL_CA_FILE=" + g.path(certFile), "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT=1", "LIBPROCESS_SSL_VERIFY_IPADD=1",
		"LIBPROCESS_SSL_ENABLE_TLS_V1_3=1", "LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH=1",
	}
	return args, env
}

// admit authenticates an actor with the master, which may not answer an attempt within wait, and then calls do.
func (g *guard) admit(actor *runtime.Actor, master runtime.PID, wait time.Duration, t *tally, do func()) {
	var credential *mesospb.Credential
	if g != nil {
		credential = g.credential
	}
	crammd5.NewClient(actor, credential, crammd5.Backoff{Min: wait, Max: wait}).Begin(master, func(err error) {
		if err != nil {
			t.fail("%s is not let in: %w", actor.Self(), err)
			return
		}
		do()
	})
}

// measureGuarded measures a cluster that is open, and then one that is guarded, whose figures are marked so.
func measureGuarded(ctx context.Context, o options, print func(figure)) error {
	if o.masters > 1 || o.failover || o.state || o.followers > 0 || o.pollers > 0 || o.profile != "" || o.idle > 0 {
		return errors.New("of guarded clusters, only agents and tasks are measured")
	}
	o.guarded = false
	if err := measure(ctx, o, print); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hollow-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	g, err := newGuard(dir)
	if err != nil {
		return err
	}
	return measureOne(ctx, o, g, func(f figure) {
		f.name += ", guarded"
		print(f)
	})
}
