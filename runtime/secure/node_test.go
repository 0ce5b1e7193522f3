package secure_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/secure"
	"meseta/runtime/web"
)

// greeter answers names with greetings, and over HTTP with a stream.
type greeter struct{ runtime.Actor }

func (g *greeter) Initialize() {
	runtime.Install(g, func(_ runtime.PID, name *wrapperspb.StringValue) {
		g.Reply(wrapperspb.String("hello, " + name.GetValue()))
	})
	web.Route(g, "/stream", web.Help{}, func(*web.Request) runtime.Future[*web.Response] {
		stream := web.NewStream()
		stream.Write([]byte("one "))
		stream.Write([]byte("two"))
		stream.Close()
		return runtime.Ready(&web.Response{Status: http.StatusOK, Stream: stream})
	})
}

// guest greets, and passes on what it is told.
type guest struct {
	runtime.Actor
	greeter runtime.PID
	told    chan string
}

func (g *guest) Initialize() {
	runtime.Install(g, func(_ runtime.PID, m *wrapperspb.StringValue) { g.told <- m.GetValue() })
	g.Link(g.greeter)
	g.Send(g.greeter, wrapperspb.String("guest"))
}

func (g *guest) Exited(pid runtime.PID) { g.told <- pid.ID + " is gone" }

func node(t *testing.T, s *secure.Transport) *runtime.Node {
	t.Helper()
	return nodeWith(t, libprocess.Options{Address: "127.0.0.1:0", Secure: s})
}

func nodeWith(t *testing.T, o libprocess.Options) *runtime.Node {
	t.Helper()
	wire, err := libprocess.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	n, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	return n
}

func closeNode(t *testing.T, n *runtime.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Error(err)
	}
}

// Two nodes that prove to each other who they are talk as without TLS: messages, answers, and news of the end. Clients over
// HTTPS are served from the same port, with what is streamed.
func TestNodes(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	mutual := func() *secure.Transport {
		o := options(t, issue(t, ca, local), ca)
		o.VerifyClients = true
		return transport(t, o)
	}
	here, there := node(t, mutual()), node(t, mutual())
	host, err := runtime.Spawn(there, "greeter", &greeter{})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 2)
	if _, err := runtime.Spawn(here, "guest", &guest{greeter: host.PID(), told: told}); err != nil {
		t.Fatal(err)
	}
	if got := <-told; got != "hello, guest" {
		t.Errorf("told %q", got)
	}

	client := &http.Client{Transport: mutual().HTTP()}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://" + there.Addr() + "/greeter/stream")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || string(body) != "one two" {
		t.Errorf("%q, %v", body, err)
	}

	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	anonymous := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer anonymous.CloseIdleConnections()
	if _, err := anonymous.Get("https://" + there.Addr() + "/greeter/stream"); err == nil {
		t.Error("a client without a certificate is served")
	}
	if _, err := http.Get("http://" + there.Addr() + "/greeter/stream"); err == nil {
		t.Error("a client without TLS is served")
	}

	closeNode(t, there)
	if got := <-told; got != "greeter is gone" {
		t.Errorf("told %q", got)
	}
}

// Where senders have to be where they say, a certificate that is verified proves an address as well, and only that address.
func TestCertificatesProveAddresses(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, authority)
	elsewhere := issue(t, ca, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1), net.IPv4(127, 0, 0, 1)} })
	for _, verifies := range []bool{true, false} {
		o := options(t, issue(t, ca, local), ca)
		o.VerifyClients = verifies
		n := nodeWith(t, libprocess.Options{Address: "127.0.0.1:0", Secure: transport(t, o), RequirePeerIPMatch: true, Log: zerolog.Nop()})
		if _, err := runtime.Spawn(n, "greeter", &greeter{}); err != nil {
			t.Fatal(err)
		}
		conn, err := transport(t, options(t, elsewhere, ca)).Dial(t.Context(), n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for from, proven := range map[string]bool{"127.0.0.1": true, "10.0.0.1": verifies, "10.0.0.2": false} {
			if _, err := fmt.Fprintf(conn, "POST /greeter/google.protobuf.Empty HTTP/1.1\r\nLibprocess-From: a@%s:1\r\nContent-Length: 0\r\n\r\n", from); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if (answer.StatusCode == http.StatusAccepted) != proven {
				t.Errorf("clients are verified: %t; a sender at %s is answered %s", verifies, from, answer.Status)
			}
		}
	}
}
