package mesos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/actors/account"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/volume"
)

// volumes is a containerizer of an agent with persistent volumes, and one sandbox.
type volumes struct {
	*house
	work string
}

func newVolumes(t *testing.T, names ...string) *volumes {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	v := &volumes{work: t.TempDir(), house: &house{t: t, node: n}}
	if v.Containerizer, err = mesos.New(n, mesos.Options{WorkDir: v.work, Isolators: []mesos.Isolator{volume.NewLinked(v.work, nil), volume.Links{}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, n) })
	v.newSandbox()
	for _, name := range names {
		if err := os.MkdirAll(v.path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v *volumes) newSandbox() {
	v.sandbox = filepath.Join(v.work, "slaves", fmt.Sprintf("s%d", len(v.entries("slaves"))))
	if err := os.MkdirAll(v.sandbox, 0o755); err != nil {
		v.t.Fatal(err)
	}
}

func (v *volumes) entries(name string) []os.DirEntry {
	all, _ := os.ReadDir(filepath.Join(v.work, name))
	return all
}

// path returns the directory of a volume.
func (v *volumes) path(name string) string { return filepath.Join(v.work, "volumes/roles/red", name) }

// disk returns persistent volumes by their names, each with its path in the container.
func disk(t *testing.T, names ...string) (all []*mesospb.Resource) {
	t.Helper()
	for _, name := range names {
		id, path, _ := strings.Cut(name, ":")
		r := &mesospb.Resource{}
		if err := prototext.Unmarshal(fmt.Appendf(nil, `name: "disk" type: SCALAR scalar { value: 1 } allocation_info { role: "red" }
			reservations { type: DYNAMIC role: "red" } disk { persistence { id: %q } volume { mode: RW container_path: %q } }`, id, path), r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// start launches a command with volumes.
func (v *volumes) start(command, user string, rs []*mesospb.Resource) error {
	spec := v.spec(shell(command))
	spec.Config.Resources = rs
	if user != "" {
		spec.Config.User = proto.String(user)
	}
	_, err := runtime.Wait(v.t.Context(), v.Launch(spec))
	return err
}

// end waits for the end of the container.
func (v *volumes) end() syscall.WaitStatus {
	v.t.Helper()
	end, err := runtime.Wait(v.t.Context(), v.Wait("c1"))
	if err != nil {
		v.t.Fatal(err)
	}
	return syscall.WaitStatus(end.GetStatus())
}

// links demands what the names in the sandbox link to; nothing that they are not there.
func (v *volumes) links(want map[string]string) {
	v.t.Helper()
	for name, volume := range want {
		got, _ := os.Readlink(filepath.Join(v.sandbox, name))
		if volume != "" {
			volume = v.path(volume)
		}
		if got != volume {
			v.t.Errorf("%s links to %q, want %q", name, got, volume)
		}
	}
}

// What a task writes into a volume is there for the next one.
func TestVolumesOutliveTasks(t *testing.T) {
	t.Parallel()
	v := newVolumes(t, "one")
	if err := v.start("echo written > data/f", "", disk(t, "one:data")); err != nil || v.end() != 0 {
		t.Fatal(err)
	}
	v.newSandbox()
	if err := v.start("cat data/f > copy", "", disk(t, "one:data")); err != nil || v.end() != 0 {
		t.Fatal(err)
	}
	if got := v.file("copy"); got != "written\n" {
		t.Errorf("the second task read %q", got)
	}
}

// Volumes come and go with the tasks of an executor.
func TestUpdateLinksVolumes(t *testing.T) {
	t.Parallel()
	v := newVolumes(t, "one", "two")
	update := func(rs []*mesospb.Resource) error {
		_, err := runtime.Wait(t.Context(), v.Update("c1", rs, nil))
		return err
	}
	if err := v.start("exec sleep 1000", "", nil); err != nil {
		t.Fatal(err)
	}
	v.links(map[string]string{"a": "", "b": ""})
	for _, step := range []struct {
		rs   []*mesospb.Resource
		want map[string]string
	}{
		{disk(t, "one:a"), map[string]string{"a": "one", "b": ""}},
		{disk(t, "one:a", "two:b"), map[string]string{"a": "one", "b": "two"}},
		{disk(t, "two:b"), map[string]string{"a": "", "b": "two"}},
		{disk(t, "one:b"), map[string]string{"a": "", "b": "one"}},
		{nil, map[string]string{"a": "", "b": ""}},
	} {
		if err := update(step.rs); err != nil {
			t.Fatal(err)
		}
		v.links(step.want)
	}
	for name, how := range map[string]func(path string) error{
		"file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"dir":  func(path string) error { return os.Mkdir(path, 0o700) },
		"link": func(path string) error { return os.Symlink("/etc", path) },
	} {
		if err := how(filepath.Join(v.sandbox, name)); err != nil {
			t.Fatal(err)
		}
		if err := update(disk(t, "one:"+name)); err == nil || !strings.Contains(err.Error(), "exists and is no symlink to the persistent volume") {
			t.Errorf("a %s in the way: %v", name, err)
		}
	}
	if err := os.Symlink(v.path("one"), filepath.Join(v.sandbox, "there")); err != nil {
		t.Fatal(err)
	}
	if err := update(disk(t, "one:there")); err != nil {
		t.Errorf("the link is there already: %v", err)
	}
	if _, err := runtime.Wait(t.Context(), v.Destroy("c1")); err != nil {
		t.Error(err)
	}
}

// Of updates that are given one after the other, the last one counts.
func TestUpdatesInOrder(t *testing.T) {
	t.Parallel()
	v := newVolumes(t, "one")
	if err := v.start("exec sleep 1000", "", nil); err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		var last runtime.Future[struct{}]
		for i := range 4 {
			last = v.Update("c1", disk(t, "one:a")[:(i+n)%2], nil)
		}
		if _, err := runtime.Wait(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		v.links(map[string]string{"a": []string{"one", ""}[n%2]})
	}
}

// A volume belongs to the user of the container that uses it.
func TestVolumesAreGiven(t *testing.T) {
	t.Parallel()
	user, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs to be root where there is a user called nobody")
	}
	v := newVolumes(t, "one")
	for dir := v.sandbox; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(v.sandbox, int(user.UID), int(user.GID)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.path("one")+"/root", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.start("echo written > data/f", "nobody", disk(t, "one:data")); err != nil || v.end() != 0 {
		t.Fatalf("%v: %s", err, v.file("stderr"))
	}
	for name, uid := range map[string]uint32{"": user.UID, "f": user.UID, "root": 0} {
		info, err := os.Stat(filepath.Join(v.path("one"), name))
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != uid {
			t.Errorf("%q: %v, %v, want user %d", name, info, err, uid)
		}
	}
}

// A volume whose path in the container is not a name keeps the container from starting; and so does one without a
// directory.
func TestVolumesThatCannotBeLinked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ volume, want string }{
		{"one:a/b", "needs a container path that is a name"},
		{"one:/a", "needs a container path that is a name"},
		{"one:..", "needs a container path that is a name"},
		{"one:stdout", "exists and is no symlink to the persistent volume"},
		{"..:a", "'..' is disallowed"},
	} {
		v := newVolumes(t, "one")
		if err := v.start("true", "", disk(t, c.volume)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.volume, err, c.want)
		}
	}
}

// The default executor shares a volume with the container of a task.
func TestNestedContainersShareVolumes(t *testing.T) {
	t.Parallel()
	v := newVolumes(t, "one")
	if err := v.start("exec sleep 1000", "", disk(t, "one:data")); err != nil {
		t.Fatal(err)
	}
	shared := &mesospb.Volume{
		Mode: mesospb.Volume_RW.Enum(), ContainerPath: proto.String("data"),
		Source: &mesospb.Volume_Source{
			Type: mesospb.Volume_Source_SANDBOX_PATH.Enum(),
			SandboxPath: &mesospb.Volume_Source_SandboxPath{
				Type: mesospb.Volume_Source_SandboxPath_PARENT.Enum(), Path: proto.String("data"),
			},
		},
	}
	_, err := runtime.Wait(t.Context(), v.Launch(containerizer.Launch{ID: "c1.n", Config: &slavepb.ContainerConfig{
		CommandInfo:   shell("echo written > data/f"),
		ContainerInfo: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Volumes: []*mesospb.Volume{shared}},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Wait(t.Context(), v.Wait("c1.n")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(v.path("one") + "/f"); string(got) != "written\n" {
		t.Errorf("the volume has %q, %v", got, err)
	}
	if _, err := runtime.Wait(t.Context(), v.Destroy("c1")); err != nil {
		t.Error(err)
	}
}
