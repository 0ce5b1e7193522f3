package namespaces_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/prototext"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/gids"
)

// with gives a container volumes.
func with(t *testing.T, volumes ...string) func(*slavepb.ContainerConfig) {
	t.Helper()
	info := &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum()}
	for _, text := range volumes {
		v := &mesospb.Volume{}
		must(t, prototext.Unmarshal([]byte(text), v))
		info.Volumes = append(info.Volumes, v)
	}
	return func(c *slavepb.ContainerConfig) { c.ContainerInfo = info }
}

// Files of the host and directories of sandboxes are where a container wants them, in the agent's file system and in one of
// its own.
func TestVolumes(t *testing.T) {
	t.Parallel()
	host, root := t.TempDir(), newRootfs(t)
	must(t, os.WriteFile(filepath.Join(host, "hello"), []byte("hi\n"), 0o644))
	mode := func(path, at, mode string) string {
		return "mode: " + mode + " container_path: '" + at + "' source { type: HOST_PATH host_path { path: '" + path + "' } }"
	}
	for fs, at := range map[string]string{"": "/mnt", root: "/data"} {
		m := newMachine(t)
		change := []func(*slavepb.ContainerConfig){with(t,
			"mode: RW container_path: 'vol/rel' host_path: '"+host+"'",
			mode(host+"/hello", "file", "RO"),
			mode(host, "ro", "RO"),
			"mode: RW container_path: '"+at+"' source { type: SANDBOX_PATH sandbox_path { type: SELF path: 'tmp' } }",
		)}
		if fs != "" {
			change = append(change, in(fs))
		}
		m.launch("c1", `cat vol/rel/hello file ro/hello; echo x > ro/x; echo x > file; echo here > `+at+`/here; echo back > vol/rel/back
			while test ! -e go; do sleep 0.01; done`, change...)
		m.file("tmp/here", "here\n")
		m.launch("c1.n1", "cat shared/f; echo x > shared/x", with(t,
			"mode: RO container_path: 'shared' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'tmp/here' } }"))
		if end, err := runtime.Wait(t.Context(), m.Wait("c1.n1")); err != nil || end.GetStatus() == 0 { // a file is no directory
			t.Errorf("the nested container ended as %v (%v)", end, err)
		}
		m.launch("c1.n2", "cat shared/here; echo x > shared/x", with(t,
			"mode: RW container_path: 'shared' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'tmp' } }"))
		if got := m.ends("c1.n2", "containers/n2", 0); got != "here\n" {
			t.Errorf("the nested container says %q", got)
		}
		must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
		if got := m.ends("c1", ".", 0); got != "hi\nhi\nhi\n" {
			t.Errorf("the container says %q", got)
		}
		back, err := os.ReadFile(filepath.Join(host, "back"))
		if err != nil || string(back) != "back\n" {
			t.Errorf("the container wrote %q (%v)", back, err)
		}
		for _, path := range []string{host + "/x", at + "/here", root + "/data/here"} {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("there is %s", path)
			}
		}
		if text, err := os.ReadFile(filepath.Join(host, "hello")); err != nil || string(text) != "hi\n" {
			t.Errorf("the file has %q (%v)", text, err)
		}
	}
}

// Volumes that cannot be mounted, or lead out, are refused. What a link in a sandbox leads to is not mounted.
func TestVolumesRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t, func(c *isolation.Config) { c.CreatableHostPaths = "/nowhere-allowed" })
	n := 0
	for text, want := range map[string]string{
		"mode: RO container_path: 'v' image { type: DOCKER docker { name: 'i' } }":                                                      "is an image, which this agent does not support: it needs --image_providers",
		"mode: RW container_path: 'v' source { type: SECRET secret { type: VALUE } }":                                                   "is of type SECRET, which this agent does not support: it needs the isolator volume/secret",
		"mode: RW container_path: 'v' host_path: '/nowhere/else'":                                                                       "Path '/nowhere/else' in HOST_PATH volume does not exist and is not whitelisted",
		"mode: RW container_path: '/nowhere' host_path: '/tmp'":                                                                         "Mount point '/nowhere' is an absolute path. It must exist",
		"mode: RW container_path: '../v' host_path: '/tmp'":                                                                             "leads out of the sandbox",
		"mode: RW container_path: 'v' source { type: HOST_PATH host_path { path: 'x' } }":                                               "Path 'x' in HOST_PATH volume is not absolute",
		"mode: RW container_path: 'v' host_path: 'x'":                                                                                   "'container_path' is relative for SANDBOX_PATH volume SELF type",
		"mode: RW container_path: '/mnt' host_path: '../x'":                                                                             "leads out of the sandbox",
		"mode: RW container_path: 'v' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'x' } }":                            "SANDBOX_PATH volume PARENT type only works for nested container",
		"mode: RW container_path: '/mnt' source { type: SANDBOX_PATH sandbox_path { type: SELF path: '/x' } }":                          "Path '/x' in SANDBOX_PATH volume is absolute",
		"mode: RW container_path: 'v' source { type: HOST_PATH host_path { path: '/proc' mount_propagation { mode: BIDIRECTIONAL } } }": "it is not under a shared mount",
	} {
		n++
		id := ids.Container(fmt.Sprint("bad", n))
		c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: &m.sandbox}
		with(t, text)(c)
		_, err := runtime.Wait(t.Context(), m.Launch(containerizer.Launch{ID: id, Config: c}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		_, _ = runtime.Wait(t.Context(), m.Destroy(id))
	}
	m.launch("c1", "ln -s /etc trap; echo up > up; while test ! -e go; do sleep 0.01; done")
	m.file("up", "up\n")
	for _, text := range []string{
		"mode: RW container_path: '/mnt' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'trap' } }",
		"mode: RW container_path: '/mnt' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'trap/apt' } }",
	} {
		c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: new("ls /mnt")}, Directory: &m.sandbox}
		with(t, text)(c)
		if _, err := runtime.Wait(t.Context(), m.Launch(containerizer.Launch{ID: "c1.n1", Config: c})); err == nil {
			if end, err := runtime.Wait(t.Context(), m.Wait("c1.n1")); err != nil || end.GetStatus() == 0 {
				t.Errorf("%s: the container ended as %v (%v)", text, end, err)
			}
		} else {
			_, _ = runtime.Wait(t.Context(), m.Destroy("c1.n1"))
		}
		_, _ = runtime.Wait(t.Context(), m.Remove("c1.n1"))
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
}

// A persistent volume is mounted in the sandbox, as in linux/11-persistent-volume, also while the container runs, and
// nothing of it is left.
func TestPersistentVolumes(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	t.Cleanup(func() { _ = unix.Unmount(work, unix.MNT_DETACH) })
	m := newMachineAt(t, work)
	m.sandbox = filepath.Join(work, "slaves/s/frameworks/f/executors/e/runs/c1")
	must(t, os.MkdirAll(m.sandbox, 0o755))
	disk := func(id, mode string) *mesospb.Resource {
		r := &mesospb.Resource{}
		must(t, prototext.Unmarshal([]byte("name: 'disk' type: SCALAR scalar { value: 8 } reservations { type: DYNAMIC role: 'red' } disk { persistence { id: '"+
			id+"' } volume { mode: "+mode+" container_path: '"+id+"' } }"), r))
		must(t, os.MkdirAll(filepath.Join(work, "volumes/roles/red", id), 0o755))
		return r
	}
	one, other := disk("one", "RW"), disk("other", "RO")
	m.launch("c1", `echo data > one/data; while ! grep -q " $PWD/other ro" /proc/self/mountinfo; do sleep 0.01; done; test ! -L other && echo seen > one/seen
		while test ! -e go; do sleep 0.01; done`, func(c *slavepb.ContainerConfig) { c.Resources = []*mesospb.Resource{one} })
	if _, err := runtime.Wait(t.Context(), m.Update("c1", []*mesospb.Resource{one, other}, nil)); err != nil {
		t.Fatal(err)
	}
	m.file("one/seen", "seen\n")
	if _, err := runtime.Wait(t.Context(), m.Update("c1", []*mesospb.Resource{one}, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(m.sandbox, "other")); !os.IsNotExist(err) {
		t.Errorf("the mount point of a volume that is not needed: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
	if text, err := os.ReadFile(filepath.Join(work, "volumes/roles/red/one/data")); err != nil || string(text) != "data\n" {
		t.Errorf("the volume has %q (%v)", text, err)
	}
	if left, err := os.ReadDir(filepath.Join(m.sandbox, "one")); err != nil || len(left) > 0 {
		t.Errorf("the volume is still mounted: %v (%v)", left, err)
	}
}

// A nested container of another user writes into a directory of its parent's sandbox, and a container that looks at it does, too. What
// it made there is the parent's user's again when the parent has ended. A persistent volume is in its group meanwhile.
func TestGroupsOfVolumes(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("groups are given by root")
	}
	work := t.TempDir()
	t.Cleanup(func() { _ = unix.Unmount(work, unix.MNT_DETACH) })
	all, err := gids.ParseRange("[42001-42002]")
	must(t, err)
	groups, err := gids.New(gids.Options{Range: all, WorkDir: work, Disk: disk.Local{}})
	must(t, err)
	m := newMachineWith(t, mesos.Options{WorkDir: work, GIDs: groups})
	m.sandbox = filepath.Join(work, "slaves/s/frameworks/f/executors/e/runs/c1")
	source := filepath.Join(work, "volumes/roles/red/v")
	must(t, errors.Join(os.MkdirAll(m.sandbox, 0o755), os.Chown(m.sandbox, 65534, 65534), os.MkdirAll(source, 0o755)))
	as := func(user string) func(*slavepb.ContainerConfig) {
		return func(c *slavepb.ContainerConfig) { c.User = &user }
	}
	volume := &mesospb.Resource{}
	must(t, prototext.Unmarshal([]byte(`name: "disk" type: SCALAR scalar { value: 8 } reservations { type: DYNAMIC role: "red" }
		disk { persistence { id: "v" } volume { mode: RW container_path: "v" } }`), volume))
	m.launch("c1", `mkdir own; id -G > v/groups; echo up > up; while test ! -e go; do sleep 0.01; done`, as("nobody"),
		func(c *slavepb.ContainerConfig) { c.Resources = []*mesospb.Resource{volume} })
	m.file("up", "up\n")
	m.file("v/groups", "65534 42001\n")
	m.launch("c1.n1", "id -G; echo mine > own/f && cat v/groups && echo there > v/there && touch up; while test ! -e own/go; do sleep 0.01; done", as("daemon"), with(t,
		"mode: RW container_path: 'own' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'own' } }",
		"mode: RW container_path: 'v' source { type: SANDBOX_PATH sandbox_path { type: PARENT path: 'v' } }"))
	m.file("containers/n1/up", "")
	m.launch("c1.n1.look", "id -G > own/look; touch own/go", as("daemon"), func(c *slavepb.ContainerConfig) {
		c.ContainerClass = slavepb.ContainerClass_DEBUG.Enum()
	})
	if got := m.ends("c1.n1", "containers/n1", 0); got != "1 42001 42002\n65534 42001\n" {
		t.Errorf("the nested container says %q", got)
	}
	m.file("own/look", "1 42001 42002\n")
	if total, free := groups.Counts(); total != 2 || free != 0 {
		t.Errorf("%d of %d groups are free", free, total)
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
	for path, want := range map[string]string{m.sandbox + "/own": "755 65534", m.sandbox + "/own/f": "644 65534", source: "2775 42001", source + "/there": "644 42001"} {
		var about unix.Stat_t
		must(t, unix.Stat(path, &about))
		if got := fmt.Sprintf("%o %d", about.Mode&0o7777, about.Gid); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if _, free := groups.Counts(); free != 1 {
		t.Errorf("%d groups are free at the end", free)
	}
}
