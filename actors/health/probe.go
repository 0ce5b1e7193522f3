package health

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

func checkProbe(info *mesospb.CheckInfo) probe {
	switch info.GetType() {
	case mesospb.CheckInfo_COMMAND:
		return commandProbe(info.GetCommand().GetCommand())
	case mesospb.CheckInfo_HTTP:
		return httpProbe("http", mesospb.NetworkInfo_IPv4, info.GetHttp().GetPort(), info.GetHttp().GetPath())
	}
	return tcpProbe(mesospb.NetworkInfo_IPv4, info.GetTcp().GetPort())
}

// healthProbe returns the probe of a health check. Old health checks may lack the type.
//
// Mesos: HealthChecker::create.
func healthProbe(h *mesospb.HealthCheck) probe {
	switch {
	case h.GetType() == mesospb.HealthCheck_COMMAND || h.Type == nil && h.GetCommand() != nil:
		return commandProbe(h.GetCommand())
	case h.GetType() == mesospb.HealthCheck_TCP:
		return tcpProbe(h.GetTcp().GetProtocol(), h.GetTcp().GetPort())
	}
	x := h.GetHttp()
	return httpProbe(cmp.Or(x.GetScheme(), "http"), x.GetProtocol(), x.GetPort(), x.GetPath())
}

func commandProbe(command *mesospb.CommandInfo) probe {
	return func(b runtime.Behavior, p Prober) runtime.Future[*mesospb.CheckStatusInfo] {
		return runtime.Then(p.Command(b, command), func(code int) (*mesospb.CheckStatusInfo, error) {
			return &mesospb.CheckStatusInfo{
				Type:    mesospb.CheckInfo_COMMAND.Enum(),
				Command: &mesospb.CheckStatusInfo_Command{ExitCode: proto.Int32(int32(code))},
			}, nil
		})
	}
}

func httpProbe(scheme string, protocol mesospb.NetworkInfo_Protocol, port uint32, path string) probe {
	url := scheme + "://" + local(protocol, port) + path
	return func(b runtime.Behavior, p Prober) runtime.Future[*mesospb.CheckStatusInfo] {
		return runtime.Then(p.Get(b, url), func(code int) (*mesospb.CheckStatusInfo, error) {
			return &mesospb.CheckStatusInfo{
				Type: mesospb.CheckInfo_HTTP.Enum(),
				Http: &mesospb.CheckStatusInfo_Http{StatusCode: proto.Uint32(uint32(code))},
			}, nil
		})
	}
}

func tcpProbe(protocol mesospb.NetworkInfo_Protocol, port uint32) probe {
	address := local(protocol, port)
	return func(b runtime.Behavior, p Prober) runtime.Future[*mesospb.CheckStatusInfo] {
		return runtime.Then(p.Connect(b, address), func(ok bool) (*mesospb.CheckStatusInfo, error) {
			return &mesospb.CheckStatusInfo{
				Type: mesospb.CheckInfo_TCP.Enum(), Tcp: &mesospb.CheckStatusInfo_Tcp{Succeeded: &ok},
			}, nil
		})
	}
}

// local returns the address at which a task can be reached from its own host or container.
func local(protocol mesospb.NetworkInfo_Protocol, port uint32) string {
	host := "127.0.0.1"
	if protocol == mesospb.NetworkInfo_IPv6 {
		host = "::1"
	}
	return net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10))
}

// Dialer connects to an address, as [net.Dialer.DialContext] does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Network implements the parts of a [Prober] that need no process.
type Network struct {
	Dial Dialer // nil means from where this process is
}

// client accepts any certificate, because it talks to the task itself. It takes bodies as they are sent, as curl does:
// one that does not decompress is no failure.
var client = Network{}.newClient()

func (n Network) newClient() *http.Client {
	return web.NewClient(&http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DisableKeepAlives: true, DisableCompression: true, DialContext: n.Dial,
	})
}

func (n Network) client() *http.Client {
	if n.Dial == nil {
		return client
	}
	return n.newClient()
}

// Get implements [Prober]. It follows redirects. A response counts once it was read completely, as with curl in Mesos.
func (n Network) Get(b runtime.Behavior, url string) runtime.Future[int] {
	return runtime.Go(b, func(ctx context.Context) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		r, err := n.client().Do(req)
		if err != nil {
			return 0, fmt.Errorf("HTTP check: %w", err)
		}
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return 0, fmt.Errorf("HTTP check: %w", err)
		}
		return r.StatusCode, nil
	})
}

// Connect implements [Prober].
func (n Network) Connect(b runtime.Behavior, address string) runtime.Future[bool] {
	return runtime.Go(b, func(ctx context.Context) (bool, error) {
		dial := n.Dial
		if dial == nil {
			dial = (&net.Dialer{}).DialContext
		}
		conn, err := dial(ctx, "tcp", address)
		if err != nil {
			return false, nil // a refused connection is a result, not an error
		}
		return true, conn.Close()
	})
}
