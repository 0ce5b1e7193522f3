// Package enginetest runs Docker engines for tests.
//
// An engine has namespaces of its own for mounts and the network, files of its own, and a control group of its own, so that
// tests see nothing of an engine of the machine. It ends with the test.
package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"meseta/runtime/disk"
	"meseta/slave/containerizer/docker/engine"
)

// Image is the name of the image that an engine has.
const Image = "box"

// shell has the programs of the image.
const shell = "/bin/busybox"

// Start starts an engine with an image of a shell, and returns its socket. It skips the test where that cannot be done.
func Start(t testing.TB) (socket string) {
	t.Helper()
	for _, program := range []string{"dockerd", "unshare", "ip", shell} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not here: the tests of Docker need docker.io, busybox-static and iproute2", program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("Docker engines need the rights of root")
	}
	dir, err := os.MkdirTemp("", "docker-") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Local{}.RemoveAll(dir) })
	group := "/" + filepath.Base(dir)
	t.Cleanup(func() { removeGroups(group) })
	socket = filepath.Join(dir, "socket")
	run(t, dir, group, socket)
	load(t, socket)
	return socket
}

// run runs the engine until the end of the test.
func run(t testing.TB, dir, group, socket string) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	script := `ip link set lo up; mount --make-rslave /; exec dockerd --data-root "$1/root" --exec-root "$1/exec" -H "unix://$1/socket" ` +
		`--pidfile "$1/pid" --cgroup-parent "$2" --iptables=false --ip6tables=false --ip-masq=false --live-restore=false`
	cmd := exec.Command("unshare", "--mount", "--net", "--propagation", "slave", "sh", "-c", script, "sh", dir, group)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, over := make(chan error), make(chan struct{})
	go func() {
		goruntime.LockOSThread() // the engine ends with its thread
		defer close(over)
		started <- cmd.Start()
		_ = cmd.Wait()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-over
	})
	await(t, socket, over, log.Name())
}

// await waits until the engine answers.
func await(t testing.TB, socket string, over chan struct{}, log string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c := engine.Dial(socket)
		err := c.Connect(ctx)
		c.Close()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
			continue
		case <-over:
		case <-ctx.Done():
		}
		said, _ := os.ReadFile(log)
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		t.Skipf("no Docker engine runs on this machine: %s", strings.Join(lines[max(0, len(lines)-3):], "\n"))
	}
}

// load gives the engine the image.
func load(t testing.TB, socket string) {
	c := engine.Dial(socket)
	defer c.Close()
	ctx := context.Background()
	err := c.Connect(ctx)
	if err == nil {
		err = c.Import(ctx, Image, files(t), "ENV FROM_IMAGE=yes", `CMD ["/bin/echo","from the image"]`, "WORKDIR /data")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files returns an archive of a root directory with a shell.
func files(t testing.TB) io.Reader {
	program, err := os.ReadFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	to := tar.NewWriter(&buffer)
	add := func(h tar.Header, content []byte) {
		h.Size, h.Mode = int64(len(content)), 0o755
		if err := to.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bin", "data", "tmp", "etc"} {
		add(tar.Header{Name: name, Typeflag: tar.TypeDir}, nil)
	}
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg}, program)
	for _, name := range []string{"sh", "cat", "echo", "env", "id", "ls", "pwd", "sleep", "test", "true", "false", "head", "tail", "nc", "hostname", "grep", "kill", "touch", "httpd", "rm"} {
		add(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return &buffer
}

// removeGroups removes the control group of an engine, which has none in it any more.
func removeGroups(group string) {
	all, _ := filepath.Glob("/sys/fs/cgroup/*" + group)
	for _, dir := range append(all, "/sys/fs/cgroup"+group) {
		_ = os.Remove(dir)
	}
}
