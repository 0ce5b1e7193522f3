package namespaces_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/slave/containerizer/mesos/isolation"
)

// An executor with a file system of its own finds the socket of its agent, and that of the agent after it. It sees nothing
// else of the directory's surroundings, and cannot remove the socket.
func TestAgentSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.sock")
	open := func() *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		must(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	first := open()
	m, root := newMachine(t, func(c *isolation.Config) { c.AgentSocket = path }), newRootfs(t)
	m.launch("c1", `echo "$MESOS_DOMAIN_SOCKET"; ls /mnt/mesos/agent; touch /mnt/mesos/agent/x 2>/dev/null && echo writable
		test -S "$MESOS_DOMAIN_SOCKET" && echo socket > ready; while test ! -e end; do sleep 0.02; done`, in(root))
	m.file("ready", "socket\n")
	status, err := runtime.Wait(t.Context(), m.Status("c1"))
	must(t, err)
	inside := fmt.Sprintf("/proc/%d/root/mnt/mesos/agent/agent.sock", status.GetExecutorPid())
	greet := func(l *net.UnixListener) {
		t.Helper()
		conn, err := net.Dial("unix", inside)
		must(t, err)
		defer conn.Close()
		heard, err := l.Accept()
		must(t, err)
		heard.Close()
	}
	greet(first)
	first.Close()
	greet(open())
	must(t, os.WriteFile(filepath.Join(m.sandbox, "end"), nil, 0o600))
	if got, want := m.ends("c1", ".", 0), "/mnt/mesos/agent/agent.sock\nagent.sock\n"; got != want {
		t.Errorf("inside: %q, want %q", got, want)
	}
	m.launch("c2", `echo "[$MESOS_DOMAIN_SOCKET]"; test ! -e /mnt/mesos/agent`)
	if got := m.ends("c2", ".", 0); !strings.HasSuffix(got, "\n[]\n") {
		t.Errorf("with the agent's files: %q", got)
	}
}
