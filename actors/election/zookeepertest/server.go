// Package zookeepertest runs real ZooKeeper servers, those of Debian's package zookeeper, for tests.
package zookeepertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"golang.org/x/sys/unix"
)

// jar is where Debian's package has the server.
const jar = "/usr/share/java/zookeeper.jar"

// Server is a server that ends with the test.
type Server struct {
	Address string // "ip:port"

	t      testing.TB
	java   string
	config string
	cmd    *exec.Cmd
}

// tick is the unit of a server's time. Servers grant sessions timeouts from two to twenty ticks.
const tick = 200 * time.Millisecond

// Start starts a server of its own for the test, or skips the test where none is installed. The server may still
// refuse connections when Start returns.
func Start(t testing.TB) *Server {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("java is not installed here: ", err)
	}
	if _, err := os.Stat(jar); err != nil {
		t.Skip("Debian's package zookeeper is not installed here: ", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, java: java, Address: free.Addr().String()}
	free.Close() // the server does not take port 0
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s.config = filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=%d\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n",
		tick.Milliseconds(), dir, port)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// Restart starts the server again after Kill, at the same address and with the same nodes.
func (s *Server) Restart() {
	s.t.Helper()
	s.cmd = exec.Command(s.java, "-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", jar, "org.apache.zookeeper.server.ZooKeeperServerMain", s.config)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// Kill kills the server, unless it has been killed.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // which says that it was killed
	s.cmd = nil
}

// Stop makes the server fall silent without closing connections, until [Server.Continue]. It returns when all threads
// of the server have stopped: the signal alone only asks them to, and one that runs may answer a request meanwhile.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return unix.Waitid(unix.P_PID, s.cmd.Process.Pid, nil, unix.WSTOPPED, nil)
}

// Continue lets a server go on that was stopped.
func (s *Server) Continue() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// Session returns a session that lasts until the test ends or it is closed.
func (s *Server) Session() *zk.Conn {
	s.t.Helper()
	conn, events, err := zk.Connect([]string{s.Address}, 20*tick, zk.WithLogger(silent{}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return conn
			}
		case <-ctx.Done():
			s.t.Fatal("ZooKeeper does not come up")
		}
	}
}

type silent struct{}

func (silent) Printf(string, ...any) {}
