package subsystems_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// newUnifiedMachine is a machine with a hierarchy of version 2 only, which may have no controllers. It skips a test where the system
// has none, or where the kernel takes no programs.
func newUnifiedMachine(t *testing.T, allowed ...*mesospb.DeviceAccess) *machine {
	t.Helper()
	h, err := cgroups.Unified(base)
	if err != nil || os.Geteuid() != 0 {
		t.Skipf("it needs the rights of root and control groups of version 2: %v", err)
	}
	only := t.TempDir()
	if err := os.Symlink(h.Path, filepath.Join(only, "unified")); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, work: t.TempDir(), o: isolation.Default(), keep: true}
	m.tree = mesos.Tree{Base: only, Root: fmt.Sprintf("meseta-test-%d-%s", os.Getpid(), t.Name())}
	m.o.Launcher, m.o.Isolation = "linux", "cgroups/devices"
	if allowed != nil {
		m.o.AllowedDevices = &mesospb.DeviceWhitelist{AllowedDevices: allowed}
	}
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		root := cgroups.Group{Hierarchy: h, Name: m.tree.Root}
		if err := (cgroups.Destroyer{Clock: n.Clock(), Timeout: time.Second}).Destroy(root); err != nil {
			t.Error(err)
		}
	})
	if m.Containerizer, err = m.o.New(n, m.tree, mesos.Options{WorkDir: m.work, RuntimeDir: filepath.Join(m.work, "runtime")}); err != nil {
		runtimetest.Close(t, n)
		if strings.Contains(err.Error(), "the kernel does not take the program") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	m.node = n
	t.Cleanup(m.stop)
	return m
}

// look is a command that tries to read devices.
const look = `for d in null zero kmsg loop0; do head -c 0 /dev/$d 2>/dev/null && echo $d; done`

// In version 2, a container opens and makes the devices that are allowed, also with the next agent; a nested one has no more than its
// parent.
func TestDevicesOfVersion2(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/dev/kmsg", "/dev/loop0"} {
		f, err := os.Open(path)
		if err != nil {
			t.Skipf("the agent itself cannot use a device that the test needs: %v", err)
		}
		f.Close()
	}
	m := newUnifiedMachine(t, &mesospb.DeviceAccess{
		Device: &mesospb.Device{Path: proto.String("/dev/kmsg")}, Access: &mesospb.DeviceAccess_Access{Read: proto.Bool(true)},
	})
	c := m.config(look+`; echo x > /dev/kmsg || echo unwritten; mknod made c 1 3 && echo made; touch up; while test ! -e go; do sleep 0.01; done; `+look, "cpus:0.1;mem:64")
	m.launch("c1", c)
	said := func(dir string) string {
		text, err := os.ReadFile(filepath.Join(c.GetDirectory(), dir, "stdout"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, err := os.Stat(filepath.Join(c.GetDirectory(), "up")); err != nil; _, err = os.Stat(filepath.Join(c.GetDirectory(), "up")) {
		if t.Context().Err() != nil {
			t.Fatal("the container does not begin")
		}
	}
	const first = "null\nzero\nkmsg\nunwritten\nmade\n"
	if got := said("."); got != first {
		t.Errorf("the container has %q, want %q", got, first)
	}
	m.launch("c1.n1", &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: proto.String(look)}})
	if end := m.end("c1.n1"); end.GetStatus()&0x7f != 0 || said("containers/n1") != "null\nzero\nkmsg\n" {
		t.Errorf("the nested container ended as %v and has %q", end, said("containers/n1"))
	}
	status, err := runtime.Wait(t.Context(), m.Status("c1"))
	if err != nil {
		t.Fatal(err)
	}
	m.stop()
	m.start()
	if taken, err := runtime.Wait(t.Context(), m.Recover([]containerizer.Survivor{{ID: "c1", Directory: c.GetDirectory(), PID: int(status.GetExecutorPid())}})); err != nil || len(taken) != 1 {
		t.Fatalf("recovered %v (%v)", taken, err)
	}
	if err := os.WriteFile(filepath.Join(c.GetDirectory(), "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	m.end("c1")
	if got, want := said("."), first+"null\nzero\nkmsg\n"; got != want {
		t.Errorf("at its end the container has %q, want %q", got, want)
	}
}
