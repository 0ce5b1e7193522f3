package blackbox

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// relay passes on connections to an address, and can break those on which executors speak.
type relay struct {
	port string

	mu        sync.Mutex
	executors []net.Conn
}

// newRelay starts one; where it leads is said later.
func newRelay(t *testing.T) (r *relay, lead func(address string)) {
	t.Helper()
	r = &relay{}
	r.port, lead = passOn(t, func(conn net.Conn) io.Writer { return &spotter{r: r, conn: conn} })
	return r, lead
}

// passOn passes on connections to a port; where it leads is said later. What a connection brings is also written to what watch
// returns for it, before it is passed on.
func passOn(t *testing.T, watch func(net.Conn) io.Writer) (port string, lead func(address string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func(address string) {
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go pass(conn, address, watch(conn))
			}
		}()
	}
}

func pass(conn net.Conn, address string, seen io.Writer) {
	defer conn.Close()
	on, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer on.Close()
	go func() {
		io.Copy(conn, on) //nolint:errcheck // it is broken on purpose
		conn.Close()
	}()
	io.Copy(on, io.TeeReader(conn, seen)) //nolint:errcheck // likewise
}

// spotter reads the requests on a connection until it finds one of an executor. It may follow others: connections that
// are idle are used again.
type spotter struct {
	r     *relay
	conn  net.Conn
	last  []byte
	found bool
}

// Write implements [io.Writer].
func (s *spotter) Write(p []byte) (int, error) {
	if s.found {
		return len(p), nil
	}
	const path = "/api/v1/executor"
	s.last = append(s.last, p...)
	if s.found = bytes.Contains(s.last, []byte(path)); s.found {
		s.r.mu.Lock()
		s.r.executors = append(s.r.executors, s.conn)
		s.r.mu.Unlock()
	}
	s.last = s.last[max(0, len(s.last)-len(path)):]
	return len(p), nil
}

// cut breaks the connections of executors.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.executors {
		c.Close()
	}
	r.executors = nil
}

// An executor whose connection breaks comes back and goes on, with what happened meanwhile.
func TestExecutorsComeBack(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T, master string, g gate) *process{
		"group": func(t *testing.T, master string, g gate) *process {
			return executeGroup(t, master, []member{{"one", g.wait(), nil}, {"two", g.wait(), nil}}, "--checkpoint")
		},
		"command": func(t *testing.T, master string, g gate) *process {
			return execute(t, master, "one", g.wait(), "--checkpoint")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMaster(t, "0", t.TempDir())
			r, lead := newRelay(t)
			work, port, g := t.TempDir(), freePort(t), newGate(t)
			lead("127.0.0.1:" + port)
			a := startAgent(t, port, m.address, work, "--advertise_ip=127.0.0.1", "--advertise_port="+r.port, "--http_command_executor",
				"--executor_reregistration_timeout=100ms")
			p := run(t, m.address, g)
			p.awaits("TASK_RUNNING for task 'one'")
			for range 3 {
				before := len(a.out.String())
				r.cut()
				a.awaitsAfter(before, "executor subscribed")
			}
			r.cut()
			g.open(t)
			p.ended(0, "TASK_FINISHED for task 'one'")
		})
	}
}
