package namespaces_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// machine is a containerizer with namespaces, and control groups of its own.
type machine struct {
	containerizer.Containerizer
	t       *testing.T
	sandbox string
}

func newMachine(t *testing.T, change ...func(*isolation.Config)) *machine {
	t.Helper()
	return newMachineAt(t, "", change...)
}

// newMachineAt is newMachine with a work directory.
func newMachineAt(t *testing.T, work string, change ...func(*isolation.Config)) *machine {
	t.Helper()
	return newMachineWith(t, mesos.Options{WorkDir: work}, change...)
}

// newMachineWith is newMachine with options of its containerizer.
func newMachineWith(t *testing.T, o mesos.Options, change ...func(*isolation.Config)) *machine {
	t.Helper()
	const base = "/sys/fs/cgroup"
	h, err := cgroups.Kernel(base)
	if os.Geteuid() != 0 || err != nil || syscall.Access(h.Path, 2) != nil {
		t.Skipf("the linux launcher needs the rights of root and control groups: %v", err)
	}
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, sandbox: t.TempDir()}
	c := isolation.Default()
	c.Launcher, c.Isolation = "linux", "posix/cpu,posix/mem,filesystem/linux,namespaces/pid"
	for _, f := range change {
		f(&c)
	}
	tree := mesos.Tree{Base: base, Root: fmt.Sprintf("meseta-test-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(m.sandbox)))}
	if m.Containerizer, err = c.New(n, tree, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		runtimetest.Close(t, n)
		for _, name := range []string{"freezer", "memory", "pids"} {
			h, err := cgroups.Find(base, name)
			if g := (cgroups.Group{Hierarchy: h, Name: tree.Root}); err == nil && g.Exists() {
				if err := g.Remove(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return m
}

func (m *machine) launch(id ids.Container, command string, change ...func(*slavepb.ContainerConfig)) {
	m.t.Helper()
	c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: &command}, Directory: &m.sandbox}
	for _, f := range change {
		f(c)
	}
	if _, err := runtime.Wait(m.t.Context(), m.Launch(containerizer.Launch{ID: id, Config: c})); err != nil {
		m.t.Fatal(err)
	}
}

// ends waits for the end of a container, and returns what it wrote.
func (m *machine) ends(id ids.Container, dir string, want int32) string {
	m.t.Helper()
	end, err := runtime.Wait(m.t.Context(), m.Wait(id))
	stdout, _ := os.ReadFile(filepath.Join(m.sandbox, dir, "stdout"))
	stderr, _ := os.ReadFile(filepath.Join(m.sandbox, dir, "stderr"))
	if err != nil || end.GetStatus() != want {
		m.t.Fatalf("%s ended as %v (%v): %s%s", id, end, err, stdout, stderr)
	}
	return string(stdout)
}

func link(t *testing.T, name string) string {
	t.Helper()
	to, err := os.Readlink("/proc/self/ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// A container has processes and mounts of its own, as in linux/1-default-inside: its init is process 1, and reaps.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.launch("c1", `readlink /proc/self/ns/pid /proc/self/ns/mnt; tr '\0' ' ' < /proc/1/cmdline; echo; pwd
		grep ' /proc .* proc proc' /proc/self/mountinfo | tail -n 1 | cut -d ' ' -f 6
		mount -t tmpfs mark /mnt && grep -c ' /mnt .* mark ' /proc/self/mountinfo
		(sh -c 'true & exec sleep 0.01' &); sleep 0.1; grep -l '^State:.Z' /proc/[0-9]*/status; exit 3`)
	lines := strings.Split(m.ends("c1", ".", 3<<8), "\n")
	if len(lines) != 7 || lines[0] == link(t, "pid") || lines[1] == link(t, "mnt") || lines[2] != "mesos-containerizer init " ||
		lines[3] != m.sandbox || lines[4] != "rw,nosuid,nodev,noexec,relatime" || lines[5] != "1" {
		t.Errorf("inside: %q", lines)
	}
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounted), " mark ") {
		t.Errorf("a mount of the container is seen outside (%v):\n%s", err, mounted)
	}
}

// A container cannot see, signal, trace or enter what is outside.
func TestEscapes(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	agent := strconv.Itoa(os.Getpid())
	m.launch("c1", `test ! -e /proc/`+agent+`/environ || grep -q MESOS_SANDBOX /proc/`+agent+`/environ || exit 1
		test "$(ls -d /proc/[0-9]* | wc -l)" -lt 10 || exit 2
		kill -9 -1; sleep 0.1
		test "$(readlink /proc/1/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" || exit 3`)
	m.ends("c1", ".", 0)
}

// Everything in a container ends with its init, which ends with its command.
func TestEndOfInit(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.launch("c1", "(env -i setsid sleep 1000 &) ; sleep 1000")
	if _, err := runtime.Wait(t.Context(), m.Signal("c1", syscall.SIGTERM)); err != nil {
		t.Error(err)
	}
	m.ends("c1", ".", int32(syscall.SIGTERM))
}

// file waits until a file in the sandbox has that content.
func (m *machine) file(name, want string) {
	m.t.Helper()
	for {
		text, _ := os.ReadFile(filepath.Join(m.sandbox, name))
		if string(text) == want {
			return
		}
		if len(text) >= len(want) {
			m.t.Fatalf("%s has %q, want %q", name, text, want)
		}
	}
}

// A nested container has namespaces of its own, or its parent's processes; a debug container has all of its parent's.
func TestNested(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const look = "readlink /proc/self/ns/pid /proc/self/ns/mnt"
	m.launch("c1", look+"; mount -t tmpfs mark /mnt; echo up; mkfifo go; read x < go")
	up := func() []string {
		for {
			text, err := os.ReadFile(filepath.Join(m.sandbox, "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Split(string(text), "\n"); len(lines) == 4 {
				return lines
			}
		}
	}
	parent := up()
	m.launch("c1.own", look)
	m.launch("c1.shares", look, func(c *slavepb.ContainerConfig) {
		c.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{SharePidNamespace: proto.Bool(true)}}
	})
	own := strings.Split(m.ends("c1.own", "containers/own", 0), "\n")
	shares := strings.Split(m.ends("c1.shares", "containers/shares", 0), "\n")
	if own[0] == parent[0] || own[0] == link(t, "pid") || own[1] == parent[1] {
		t.Errorf("the nested container has %q, its parent %q", own, parent)
	}
	if shares[0] != parent[0] || shares[1] == parent[1] {
		t.Errorf("the container that shares processes has %q, its parent %q", shares, parent)
	}
	m.launch("c1.debug", look+"> debug; grep -c ' mark ' /proc/self/mountinfo >> debug", func(c *slavepb.ContainerConfig) {
		c.ContainerClass = slavepb.ContainerClass_DEBUG.Enum()
	})
	m.file("debug", parent[0]+"\n"+parent[1]+"\n1\n")
	if _, err := runtime.Wait(t.Context(), m.Destroy("c1")); err != nil {
		t.Error(err)
	}
}
