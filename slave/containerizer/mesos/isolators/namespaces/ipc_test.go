package namespaces_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos/isolation"
)

func withIPC(c *isolation.Config) {
	c.Isolation += ",namespaces/ipc"
	c.SharedMemory = 8 * units.Megabyte
}

// ipcMode gives a container a mode, and if size is not 0 a number of megabytes.
func ipcMode(mode mesospb.LinuxInfo_IpcMode, size uint32) func(*slavepb.ContainerConfig) {
	return func(c *slavepb.ContainerConfig) {
		c.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{IpcMode: mode.Enum()}}
		if size > 0 {
			c.ContainerInfo.LinuxInfo.ShmSize = proto.Uint32(size)
		}
	}
}

// Containers have shared memory of their own, of the size that they want, or that of those around them.
func TestIPC(t *testing.T) {
	t.Parallel()
	m, root := newMachine(t, withIPC), newRootfs(t)
	const look = "readlink /proc/self/ns/ipc; grep ' /dev/shm ' /proc/self/mountinfo | tail -n 1 | grep -o 'size=.*'; cat /dev/shm/mark 2>/dev/null"
	m.launch("c1", look+"; echo mine > /dev/shm/mark; echo up > up; while test ! -e go; do sleep 0.01; done", ipcMode(mesospb.LinuxInfo_PRIVATE, 4))
	m.file("up", "up\n")
	text, err := os.ReadFile(filepath.Join(m.sandbox, "stdout"))
	parent := strings.Split(string(text), "\n")
	if err != nil || len(parent) != 3 || parent[0] == link(t, "ipc") || parent[1] != "size=4096k" {
		t.Errorf("the container says %q (%v)", text, err)
	}
	m.launch("c1.shares", look, ipcMode(mesospb.LinuxInfo_SHARE_PARENT, 0))
	if got := m.ends("c1.shares", "containers/shares", 0); got != parent[0]+"\nsize=4096k\nmine\n" {
		t.Errorf("the container that shares says %q", got)
	}
	m.launch("c1.own", look+"; true", ipcMode(mesospb.LinuxInfo_PRIVATE, 0))
	if got := strings.Split(m.ends("c1.own", "containers/own", 0), "\n"); got[0] == parent[0] || got[1] != "size=8192k" || len(got) != 3 {
		t.Errorf("the nested container with its own says %q", got)
	}
	m.launch("c1.root", "cat /dev/shm/mark; readlink /proc/self/ns/ipc", in(root), ipcMode(mesospb.LinuxInfo_SHARE_PARENT, 0))
	if got := m.ends("c1.root", "containers/root", 0); got != "mine\n"+parent[0]+"\n" {
		t.Errorf("the nested container with its own file system says %q", got)
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(table), "/containers/c1/") {
		t.Errorf("shared memory is left (%v):\n%s", err, table)
	}
}

func TestIPCRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t, withIPC, func(c *isolation.Config) { c.PrivateIPC = true })
	for want, change := range map[string]func(*slavepb.ContainerConfig){
		"Only support specifying the size of /dev/shm": ipcMode(mesospb.LinuxInfo_SHARE_PARENT, 1),
		"Sharing agent IPC namespace":                  ipcMode(mesospb.LinuxInfo_SHARE_PARENT, 0),
		"Unknown IPC mode":                             ipcMode(mesospb.LinuxInfo_UNKNOWN, 0),
	} {
		c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: &m.sandbox}
		change(c)
		if _, err := runtime.Wait(t.Context(), m.Launch(containerizer.Launch{ID: "bad", Config: c})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		m.Wait("bad")
		_, _ = runtime.Wait(t.Context(), m.Destroy("bad"))
	}
}

// A container that says nothing about IPC has a namespace of its own, and those in it are there, too.
func TestIPCWithoutMode(t *testing.T) {
	t.Parallel()
	m := newMachine(t, withIPC)
	const look = "readlink /proc/self/ns/ipc"
	m.launch("c1", look+"; echo up > up; while test ! -e go; do sleep 0.01; done")
	m.file("up", "up\n")
	text, err := os.ReadFile(filepath.Join(m.sandbox, "stdout"))
	if own := strings.TrimSpace(string(text)); err != nil || own == "" || own == link(t, "ipc") {
		t.Errorf("the container is in %q (%v)", own, err)
	}
	m.launch("c1.n1", look)
	if got := m.ends("c1.n1", "containers/n1", 0); got != string(text) {
		t.Errorf("the nested container is in %q, and its parent in %q", got, text)
	}
	m.launch("c1.n2", look, ipcMode(mesospb.LinuxInfo_SHARE_PARENT, 0))
	if got := m.ends("c1.n2", "containers/n2", 0); got != string(text) {
		t.Errorf("the container that shares is in %q, and its parent in %q", got, text)
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
}
