package cni_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
)

// newRootfs makes a file system with busybox, whose files about the network are traps: a link that leads nowhere, one that leads out of
// it, and none at all.
func newRootfs(t *testing.T, outside string) string {
	t.Helper()
	box, err := exec.LookPath("busybox")
	if err != nil {
		t.Skipf("the test needs a root file system: %v", err)
	}
	if file, err := exec.Command("ldd", box).Output(); err == nil && strings.Contains(string(file), "/") {
		t.Skip("the test needs busybox-static")
	}
	dir := t.TempDir()
	for _, name := range []string{"bin", "etc", "proc", "sys", "dev", "tmp"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	content, err := os.ReadFile(box)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "bin/sh"), content, 0o755))
	must(t, os.Symlink("../run/systemd/resolve/stub-resolv.conf", filepath.Join(dir, "etc/resolv.conf")))
	must(t, os.Symlink(outside, filepath.Join(dir, "etc/hosts")))
	return dir
}

func in(rootfs string) func(*slavepb.ContainerConfig) {
	return func(c *slavepb.ContainerConfig) { c.Rootfs = &rootfs }
}

// see prints the files about the network, and then tries to change them.
const see = `cat() { while IFS= read -r line || [ -n "$line" ]; do echo "$line"; done < "$1"; }
	cat /etc/hosts; cat /etc/resolv.conf; cat /etc/hostname; (echo more >> /etc/hosts) 2>/dev/null && echo writable`

// A container with a file system of its own sees its own files on a network, and those of the agent, which it cannot change,
// on the agent's.
func TestFilesOfImages(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "precious")
	must(t, os.WriteFile(outside, []byte("as it was\n"), 0o644))
	s := newSite(t)
	s.network("net", "10.200.10.0/24", `, "dns": {"nameservers": ["192.0.2.53"]}`)
	s.start()
	must(t, s.launch("c1", see+"; true", on("net"), named("h"), in(newRootfs(t, outside))))
	want := "127.0.0.1 localhost\n10.200.10.2 h\nnameserver 192.0.2.53\nh\nwritable\n"
	if got := s.output("c1", ""); got != want {
		t.Errorf("on a network, the container sees %q, want %q", got, want)
	}
	for _, name := range []string{"hosts", "resolv.conf", "hostname"} {
		content, err := os.ReadFile(filepath.Join("/etc", name))
		if err != nil {
			t.Skipf("this system lacks a file: %v", err)
		}
		want += strings.TrimSuffix(string(content), "\n") + "\n"
	}
	must(t, s.launch("c2", see+"; true", in(newRootfs(t, outside))))
	if got := s.output("c2", ""); got != want { // it is in the same sandbox
		t.Errorf("on a network and then on the agent's, the containers see %q, want %q", got, want)
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != "as it was\n" {
		t.Errorf("a file outside was changed to %q (%v)", got, err)
	}
	s.nothingLeft()
}

// The executor of a task with an image sees the files of its network in the agent's file system, which it leaves later.
func TestFilesOfExecutors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.network("net", "10.200.11.0/24", "")
	s.start()
	root := newRootfs(t, "/nowhere")
	must(t, s.launch("c1", "cat /etc/hosts "+root+"/etc/hosts", on("net"), named("h"), in(root), func(c *slavepb.ContainerConfig) {
		c.TaskInfo = &mesospb.TaskInfo{
			Name: proto.String("t"), TaskId: &mesospb.TaskID{Value: proto.String("t")}, SlaveId: &mesospb.SlaveID{Value: proto.String("a1")},
		}
	}))
	const table = "127.0.0.1 localhost\n10.200.11.2 h\n"
	if got := s.output("c1", ""); got != table+table {
		t.Errorf("the executor sees %q", got)
	}
}
