// Package local runs programs against a cluster of our binaries on this machine.
package local

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

const (
	timeout = 2 * time.Minute
	grace   = 30 * time.Second // for a cluster that is interrupted
)

// Build builds packages of the module in dir into the folder bin.
func Build(t *testing.T, dir, bin string, packages ...string) {
	t.Helper()
	if err := build(dir, bin, "CGO_ENABLED=0", packages); err != nil {
		t.Fatal(err)
	}
}

// BuildC is Build of packages that hold C; without a compiler for that it skips the test.
func BuildC(t *testing.T, dir, bin string, packages ...string) {
	t.Helper()
	cc, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(strings.TrimSpace(string(cc))); err != nil {
		t.Skip("no C compiler: ", err)
	}
	if err := build(dir, bin, "CGO_ENABLED=1", packages); err != nil {
		t.Fatal(err)
	}
}

func build(dir, bin, env string, packages []string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", bin + "/"}, packages...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v: %w\n%s", packages, err, out)
	}
	return nil
}

// module is ours, seen from the folder of a package beside this one, in which its tests run.
const module = "../../../../.."

// binaries is the folder of our binaries, built once for all tests of a package.
var binaries = sync.OnceValues(func() (bin string, err error) {
	if bin, err = os.MkdirTemp("", "conformance"); err != nil {
		return "", err
	}
	built = bin
	return bin, build(module, bin, "CGO_ENABLED=0", []string{
		"./cmd/mesos-master", "./cmd/mesos-agent", "./cmd/mesos-executor", "./cmd/mesos-default-executor",
		"./cmd/mesos-execute", "./cmd/mesos-local",
	})
})

var built string // what binaries made, if it was asked

// Main runs the tests of a package and removes what was built for all of them. It returns the code to exit with.
func Main(m *testing.M) int {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	return code
}

// Run runs a program to its end against a cluster with two agents, and returns what it printed; {master} in its
// arguments stands for the master's address, and our binaries are in its PATH. A program that fails fails the test.
func Run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	out, err := Try(t, dir, program, args...)
	if err != nil {
		t.Fatalf("%s ended with %v\n%s", program, err, out)
	}
	return out
}

// Try is Run of a program that may fail.
func Try(t *testing.T, dir, program string, args ...string) (said string, err error) {
	t.Helper()
	return TryWith(t, nil, dir, program, args...)
}

// TryWith is Try with environment variables for the program, and for master and agents, which take flags from them.
func TryWith(t *testing.T, env []string, dir, program string, args ...string) (said string, err error) {
	t.Helper()
	bin := ours(t)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cmd := command(ctx, t, bin, "cpus:4;mem:1024;disk:100;ports:[31000-31099]", program, args...)
	cmd.Dir, cmd.Env = dir, append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// Type is Run of a program at a terminal, with agents that are reserved for others: it brings its own. When the program
// has said cue, keys are typed.
func Type(t *testing.T, cue, keys, program string, args ...string) string {
	t.Helper()
	bin := ours(t)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cmd := command(ctx, t, bin, "cpus(others):1;mem(others):32;disk(others):1;ports(others):[1-2]", program, args...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 101})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var out bytes.Buffer
	for piece := make([]byte, 4096); ; {
		n, err := terminal.Read(piece)
		if err != nil {
			break // this is how a read ends when the other side is closed
		}
		out.Write(piece[:n])
		if keys != "" && strings.Contains(out.String(), cue) {
			if _, err := terminal.WriteString(keys); err != nil {
				t.Error(err)
			}
			keys = ""
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s ended with %v\n%s", program, err, out.String())
	}
	return out.String()
}

// ours returns the folder of our binaries. It builds them first, which may take longer than what they do.
func ours(t *testing.T) string {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// command is a program with a cluster of two agents around it, of the binaries in a folder.
func command(ctx context.Context, t *testing.T, bin, resources, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "mesos-local"), append([]string{
		"--num_agents=2", "--port=0", "--resources=" + resources, "--work_dir=" + t.TempDir(), "--", program,
	}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it stops what it started
	cmd.WaitDelay = grace
	return cmd
}

// Guarded is TryWith a master that frameworks have to show credentials, those of "gopher" with the secret "burrow". It
// returns what the master logged, too.
func Guarded(t *testing.T, dir, program string, args ...string) (said, logged string, err error) {
	t.Helper()
	logs, credentials := t.TempDir(), Secret(t, "gopher burrow\n")
	said, err = TryWith(t, []string{
		"MESOS_CREDENTIALS=" + credentials, "MESOS_AUTHENTICATE_FRAMEWORKS=true", "MESOS_AUTHENTICATE_HTTP_FRAMEWORKS=true",
		"MESOS_HTTP_FRAMEWORK_AUTHENTICATORS=basic", "MESOS_LOG_DIR=" + logs,
	}, dir, program, args...)
	log, reading := os.ReadFile(filepath.Join(logs, "mesos-master.INFO"))
	if reading != nil {
		t.Errorf("%v\n%s", reading, said)
	}
	return said, string(log), err
}

// Secret writes a file that only its owner reads, and returns its path.
func Secret(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Loopback finds an address of this machine's own at which a port is free, for programs that know one port only.
func Loopback(t *testing.T, port string) string {
	t.Helper()
	var err error
	for n := range 100 {
		address := fmt.Sprintf("127.%d.%d.%d", 64+n, os.Getpid()>>8&255, os.Getpid()&255)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(address, port)); err == nil {
			l.Close()
			return address
		}
	}
	t.Skipf("no address 127.… of this machine has port %s free: %v", port, err)
	return ""
}

// FreePort finds a port for a program that does not take 0.
func FreePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
