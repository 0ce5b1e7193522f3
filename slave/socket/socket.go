// Package socket serves the HTTP APIs of an agent on a Unix domain socket, where the executors of its machine reach them
// without a network: the API of executors, and that of agents, by which executors launch nested containers. Everything else
// is refused there. What is asked of a request at the port, such as a token, is asked of it there, too.
//
// Mesos: the executorSocketServer of Slave, and common::createDomainSocket.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// longest is how many bytes the path of a Unix domain socket may have.
//
// Mesos: DOMAIN_SOCKET_MAX_PATH_LENGTH, which is one more.
const longest = 107

// Check returns an error if there can be no socket at path.
func Check(path string) error {
	switch {
	case len(path) > longest:
		return fmt.Errorf("the path '%s' has %d bytes; a socket's must have less than 108", path, len(path))
	case !filepath.IsAbs(path):
		return fmt.Errorf("the path '%s' does not begin with a slash, but executors have other working directories", path)
	}
	return nil
}

// Alone returns the path of a second link to the socket at path, in a directory of its own that can be mounted elsewhere.
func Alone(path string) string { return filepath.Join(path+".d", filepath.Base(path)) }

// Socket is a socket on which nothing is served yet.
type Socket struct {
	path     string
	listener *net.UnixListener
	passed   bool // by systemd, which keeps it
	wire     *libprocess.Wire
}

// Path returns where the socket is.
func (s *Socket) Path() string { return s.path }

// Listen makes a socket at path, which everybody on this machine may connect to, and a link to it at [Alone]. It makes the
// directory if there is none. A socket that was left by an agent which has ended is replaced. It fails if somebody listens
// there, or if something else is there.
//
// Differs: Mesos takes the place of an agent that is still there.
func Listen(path string) (*Socket, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := clear(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(path, 0o666), link(path)); err != nil {
		l.Close()
		return nil, err
	}
	return &Socket{path: path, listener: l}, nil
}

// clear removes a socket at which nobody listens.
func clear(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is no socket", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("somebody listens at %s, perhaps another agent; each needs a socket of its own", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// link puts the second link in the place of an earlier one. Its directory stays as it is, because it may be mounted.
func link(path string) error {
	alone := Alone(path)
	if err := os.MkdirAll(filepath.Dir(alone), 0o755); err != nil {
		return err
	}
	if err := os.Remove(alone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Link(path, alone)
}

// Serve begins to pass requests on to an actor of n, until the socket is closed.
func (s *Socket) Serve(n *runtime.Node, agent string, log zerolog.Logger) error {
	base := "/" + agent + "/api/v1"
	wire, err := libprocess.On(guests{s.listener}, libprocess.Options{Log: log, HTTP: func(req *web.Request) runtime.Future[*web.Response] {
		if req.URL.Path != base && req.URL.Path != base+"/executor" {
			log.Info().Str("client", req.Client).Str("path", req.URL.Path).Msg("request to the executors' socket refused: only the API is served there")
			return runtime.Ready(web.Forbidden("403 Forbidden."))
		}
		return web.Serve(n, req)
	}})
	if err != nil {
		return err
	}
	s.wire = wire
	log.Info().Str("path", s.path).Msg("executors are served at a domain socket")
	return wire.Start(nobody{})
}

// Close ends the connections and removes the socket, unless it is systemd's.
func (s *Socket) Close(ctx context.Context) error {
	if !s.passed {
		os.Remove(Alone(s.path)) //nolint:errcheck // the next agent replaces it
	}
	if s.wire == nil {
		return s.listener.Close()
	}
	return s.wire.Close(ctx)
}

// nobody receives no messages: a sender cannot be told from another there.
type nobody struct{}

func (nobody) Deliver(runtime.Envelope) bool     { return false }
func (nobody) Dropped(runtime.Envelope, string)  {}
func (nobody) Refused(runtime.Envelope, error)   {}
func (nobody) Exited(string, runtime.Connection) {}

// guests tells clients apart, which have no addresses, by their users and processes: "uid 1000:4711". As a host and a port do,
// so that whoever guesses tokens keeps out only processes of the same user; see [web.Throttle].
type guests struct{ *net.UnixListener }

// Accept implements [net.Listener].
func (g guests) Accept() (net.Conn, error) {
	conn, err := g.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return guest{conn, who(conn)}, nil
}

type guest struct {
	*net.UnixConn
	addr net.Addr
}

// RemoteAddr implements [net.Conn].
func (g guest) RemoteAddr() net.Addr { return g.addr }

// process is a process of a user, as an address.
type process string

func (process) Network() string  { return "unix" }
func (p process) String() string { return string(p) }

// who returns the process that has made a connection.
func who(conn *net.UnixConn) process {
	raw, err := conn.SyscallConn()
	if err != nil {
		return "somebody"
	}
	name := process("somebody")
	_ = raw.Control(func(fd uintptr) { // otherwise the connection has ended
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			name = process("uid " + strconv.FormatUint(uint64(cred.Uid), 10) + ":" + strconv.Itoa(int(cred.Pid)))
		}
	})
	return name
}
