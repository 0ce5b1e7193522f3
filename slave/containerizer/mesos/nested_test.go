package mesos_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

func (h *house) nest(id ids.Container, class slavepb.ContainerClass, c *mesospb.CommandInfo) error {
	h.t.Helper()
	_, err := runtime.Wait(h.t.Context(), h.Launch(containerizer.Launch{
		ID: id, Config: &slavepb.ContainerConfig{CommandInfo: c, ContainerClass: class.Enum(), Directory: proto.String("")},
	}))
	return err
}

func (h *house) ended(id ids.Container) syscall.WaitStatus {
	h.t.Helper()
	end, err := runtime.Wait(h.t.Context(), h.Wait(id))
	if err != nil {
		h.t.Fatal(err)
	}
	return syscall.WaitStatus(end.GetStatus())
}

const standard = slavepb.ContainerClass_DEFAULT

// A nested container has a sandbox inside its parent's, and its termination is remembered until it is removed.
func TestNested(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	if err := h.nest("c1.n1", standard, shell(`echo "$GREETING $MESOS_SANDBOX"; exit 3`)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(h.sandbox, "containers/n1")
	for range 2 {
		if status := h.ended("c1.n1"); status.ExitStatus() != 3 {
			t.Errorf("the nested container ended with %v", status)
		}
	}
	if got := h.file("containers/n1/stdout"); got != " "+dir+"\n" {
		t.Errorf("stdout holds %q", got)
	}
	if _, err := runtime.Wait(t.Context(), h.Remove("c1.n1")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the sandbox was not removed")
	}
	if _, err := runtime.Wait(t.Context(), h.Wait("c1.n1")); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("the end of a removed container is told: %v", err)
	}
}

// A nested container ends by a signal, by itself, and with its parent.
func TestNestedEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	for _, id := range []ids.Container{"c1.n1", "c1.n1.m1", "c1.n2"} {
		if err := h.nest(id, standard, shell("exec sleep 1000")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := runtime.Wait(t.Context(), h.Remove("c1.n2")); err == nil {
		t.Error("a container that runs was removed")
	}
	if _, err := runtime.Wait(t.Context(), h.Signal("c1.n2", syscall.SIGTERM)); err != nil {
		t.Error(err)
	}
	if status := h.ended("c1.n2"); status.Signal() != syscall.SIGTERM {
		t.Errorf("the container ended with %v", status)
	}
	if status, err := runtime.Wait(t.Context(), h.Status("c1.n2")); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("a container that is over is described as %v, %v", status, err)
	}
	if _, err := runtime.Wait(t.Context(), h.Signal("c1.n2", syscall.SIGTERM)); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("a container that is over was signalled: %v", err)
	}
	if all, _ := runtime.Wait(t.Context(), h.List()); !slices.Equal(all, []ids.Container{"c1", "c1.n1", "c1.n1.m1"}) {
		t.Errorf("there are %v", all)
	}
	inner := h.Wait("c1.n1.m1")
	if _, err := runtime.Wait(t.Context(), h.Destroy("c1")); err != nil {
		t.Error(err)
	}
	if end, err := runtime.Wait(t.Context(), inner); err != nil || syscall.WaitStatus(end.GetStatus()).Signal() != syscall.SIGKILL {
		t.Errorf("the innermost container ended with %v, %v", end, err)
	}
	if all, _ := runtime.Wait(t.Context(), h.List()); len(all) > 0 {
		t.Errorf("%v outlived the outermost", all)
	}
}

// A debug container has its parent's environment and directory, and does not affect the parent.
func TestNestedForDebugging(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	if err := h.nest("c1.d1", slavepb.ContainerClass_DEBUG, shell(`echo "$GREETING from $PWD, $MESOS_SANDBOX"`)); err != nil {
		t.Fatal(err)
	}
	h.attach("c1.d1").Flow()
	h.ended("c1.d1")
	if got, want := h.file("containers/d1/stdout"), "hello from "+h.sandbox+", "+h.sandbox+"\n"; got != want {
		t.Errorf("stdout holds %q, want %q", got, want)
	}
	if all, _ := runtime.Wait(t.Context(), h.List()); !slices.Equal(all, []ids.Container{"c1"}) {
		t.Errorf("there are %v", all)
	}
}

// A nested container may have another user than its parent, whose sandbox that user cannot enter.
func TestNestedOfAnotherUser(t *testing.T) {
	t.Parallel()
	if _, err := user.Lookup("nobody"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs to be root where there is a user called nobody")
	}
	h := newHouse(t)
	if err := os.Chmod(h.sandbox, 0o750); err != nil {
		t.Fatal(err)
	}
	h.launch(shell("sleep 1000"))
	l := h.spec(shell("pwd; touch made; exec sleep 1000"))
	l.ID, l.Config.User = "c1.n1", proto.String("nobody")
	if _, err := runtime.Wait(t.Context(), h.Launch(l)); err != nil {
		t.Fatal(err)
	}
	if err := h.nest("c1.n1.d1", slavepb.ContainerClass_DEBUG, shell("until test -e made; do :; done; id -un; pwd")); err != nil {
		t.Fatal(err)
	}
	h.attach("c1.n1.d1").Flow()
	h.ended("c1.n1.d1")
	if got, want := h.file("containers/n1/containers/d1/stdout"), "nobody\n"+h.sandbox+"/containers/n1\n"; got != want {
		t.Errorf("beside it, stdout holds %q, want %q", got, want)
	}
	if got, want := h.file("containers/n1/stdout"), h.sandbox+"/containers/n1\n"; got != want {
		t.Errorf("stdout holds %q, want %q", got, want)
	}
}

func TestNestedRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	if err := h.nest("c9.n1", standard, shell("true")); err == nil || !strings.Contains(err.Error(), "c9 does not exist") {
		t.Errorf("a container in nothing: %v", err)
	}
	if err := h.nest("c1", standard, shell("true")); !errors.Is(err, containerizer.ErrExists) {
		t.Errorf("a second container of that name: %v", err)
	}
	_, err := runtime.Wait(t.Context(), h.Launch(containerizer.Launch{ID: "c1.n1", Config: &slavepb.ContainerConfig{
		CommandInfo: shell("true"), ContainerInfo: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_DOCKER.Enum()},
	}}))
	if !errors.Is(err, containerizer.ErrUnsupported) {
		t.Errorf("a container of Docker: %v", err)
	}
	_, err = runtime.Wait(t.Context(), h.Launch(containerizer.Launch{ID: "c2", Config: &slavepb.ContainerConfig{
		CommandInfo: shell("true"), ContainerInfo: &mesospb.ContainerInfo{
			Type: mesospb.ContainerInfo_MESOS.Enum(), NetworkInfos: []*mesospb.NetworkInfo{{Name: proto.String("private")}},
		},
	}}))
	if err == nil || err.Error() != "Unknown CNI network 'private'" {
		t.Errorf("a container in a network of its own: %v", err)
	}
	_, err = runtime.Wait(t.Context(), h.Launch(containerizer.Launch{ID: "c1.n3", Config: &slavepb.ContainerConfig{
		CommandInfo: shell("true"), ContainerInfo: &mesospb.ContainerInfo{
			Type: mesospb.ContainerInfo_MESOS.Enum(), Mesos: &mesospb.ContainerInfo_MesosInfo{
				Image: &mesospb.Image{Type: mesospb.Image_DOCKER.Enum()},
			},
		},
	}}))
	if err == nil || err.Error() != "Unsupported container image type: DOCKER" {
		t.Errorf("a container with an image: %v", err)
	}
}

// shared returns a volume whose source is in a sandbox.
func shared(kind mesospb.Volume_Source_SandboxPath_Type, path, at string) *mesospb.Volume {
	return &mesospb.Volume{
		Mode: mesospb.Volume_RW.Enum(), ContainerPath: &at,
		Source: &mesospb.Volume_Source{
			Type:        mesospb.Volume_Source_SANDBOX_PATH.Enum(),
			SandboxPath: &mesospb.Volume_Source_SandboxPath{Type: kind.Enum(), Path: &path},
		},
	}
}

func (h *house) launchWith(id ids.Container, class slavepb.ContainerClass, text string, volumes ...*mesospb.Volume) error {
	h.t.Helper()
	l := h.spec(shell(text))
	l.ID, l.Config.ContainerClass = id, class.Enum()
	l.Config.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Volumes: volumes}
	_, err := runtime.Wait(h.t.Context(), h.Launch(l))
	return err
}

// Containers share directories of their parent's sandbox.
func TestVolumesOfTheParent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	const parents = mesospb.Volume_Source_SandboxPath_PARENT
	if err := h.launchWith("c1.n1", standard, "echo hello > mine/too/file", shared(parents, "shared/deep", "mine/too")); err != nil {
		t.Fatal(err)
	}
	h.ended("c1.n1")
	if err := h.launchWith("c1.n2", standard, "cat theirs/file", shared(parents, "shared/deep", "theirs")); err != nil {
		t.Fatal(err)
	}
	h.ended("c1.n2")
	if got := h.file("containers/n2/stdout"); got != "hello\n" {
		t.Errorf("the second container read %q", got)
	}
	if _, err := runtime.Wait(t.Context(), h.Remove("c1.n2")); err != nil {
		t.Error(err)
	}
	if got := h.file("shared/deep/file"); got != "hello\n" {
		t.Errorf("the volume went with one who shared it: %q", got)
	}
}

// A container that cannot have its volumes is not started.
func TestVolumesRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	const (
		self, parents = mesospb.Volume_Source_SandboxPath_SELF, mesospb.Volume_Source_SandboxPath_PARENT
		debug         = slavepb.ContainerClass_DEBUG
	)
	host := func(path string) *mesospb.Volume {
		return &mesospb.Volume{Mode: mesospb.Volume_RO.Enum(), ContainerPath: proto.String("v"), HostPath: &path}
	}
	for name, c := range map[string]struct {
		id     ids.Container
		class  slavepb.ContainerClass
		volume *mesospb.Volume
		want   string
	}{
		"of an outermost": {"c2", standard, shared(parents, "s", "v"), "Volumes in ContainerInfo is not supported"},
		"of the host":     {"c1.n1", standard, host("/etc"), "Volumes in ContainerInfo is not supported"},
		"old way":         {"c1.n2", standard, host("s"), "'container_path' is relative for SANDBOX_PATH volume SELF type"},
		"self":            {"c1.n3", standard, shared(self, "s", "v"), "'container_path' is relative for SANDBOX_PATH volume SELF type"},
		"absolute":        {"c1.n4", standard, shared(parents, "/s", "v"), "Path '/s' in SANDBOX_PATH volume is absolute"},
		"at an absolute":  {"c1.n5", standard, shared(parents, "s", "/v"), "The 'linux' launcher and 'filesystem/linux' isolator must be enabled"},
		"of a session":    {"c1.n6", debug, shared(parents, "s", "v"), "SANDBOX_PATH volume is not supported for DEBUG containers"},
		"outside":         {"c1.n7", standard, shared(parents, "../../s", "v"), "leads out of the sandbox"},
		"to the outside":  {"c1.n8", standard, shared(parents, "s", "../v"), "leads out of the sandbox"},
	} {
		if err := h.launchWith(c.id, c.class, "true", c.volume); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// secrets creates a directory outside of all sandboxes, with a file. It returns a function that checks that they are
// unchanged.
func secrets(t *testing.T) (dir string, untouched func()) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	describe := func() string {
		var b strings.Builder
		err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err == nil {
				s := info.Sys().(*syscall.Stat_t)
				fmt.Fprintln(&b, path, info.Mode(), info.Size(), s.Uid, s.Gid)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return b.String()
	}
	before := describe()
	return dir, func() {
		t.Helper()
		if after := describe(); after != before {
			t.Errorf("outside of the sandbox there was\n%sand now is\n%s", before, after)
		}
	}
}

// Nothing outside of a sandbox changes, whatever its owner puts where a nested sandbox goes, and however the container
// ends.
func TestNestedSandboxesFollowNoLinks(t *testing.T) {
	t.Parallel()
	for name, trap := range map[string]string{
		"the folder of folders": `ln -s "$1" containers`,
		"the folder":            `mkdir containers; ln -s "$1" containers/n1`,
		"a link within":         `mkdir containers other; ln -s ../other containers/n1`,
		"a log":                 `mkdir -p containers/n1; ln -s "$1/file" containers/n1/stdout`,
		"the second log":        `mkdir -p containers/n1; ln -s "$1/file" containers/n1/stderr`,
		"a name of a file":      `mkdir -p containers/n1; ln "$1/file" containers/n1/stdout`,
		"a pipe":                `mkdir -p containers/n1; mkfifo containers/n1/stdout`,
		"a dangling log":        `mkdir -p containers/n1; ln -s "$1/new" containers/n1/stdout`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.launch(shell("sleep 1000"))
			dir, untouched := secrets(t)
			cmd := exec.Command("sh", "-c", trap, "sh", dir)
			cmd.Dir = h.sandbox
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if err := h.nest("c1.n1", standard, shell("echo overwritten")); err == nil {
				t.Error("the container was launched")
			}
			untouched()
			h.ended("c1.n1")
			if _, err := runtime.Wait(t.Context(), h.Remove("c1.n1")); err != nil {
				t.Log(err) // removal does not follow a link
			}
			untouched()
		})
	}
}

// If a nested sandbox is replaced by a link while it is used, the target of the link is not removed.
func TestRemoveFollowsNoLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	if err := h.nest("c1.n1", standard, shell("true")); err != nil {
		t.Fatal(err)
	}
	h.ended("c1.n1")
	dir, untouched := secrets(t)
	if err := os.Rename(filepath.Join(h.sandbox, "containers"), filepath.Join(h.sandbox, "away")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "file"), filepath.Join(dir, "n1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(h.sandbox, "containers")); err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Wait(t.Context(), h.Remove("c1.n1")); err == nil {
		t.Error("removed through a link")
	}
	if err := os.Rename(filepath.Join(dir, "n1"), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	untouched()
}

// However deep containers are nested, they are forgotten with the outermost one. A container that has ended is not
// listed.
func TestNestedAreForgotten(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	for _, id := range []ids.Container{"c1.n1", "c1.n1.m1", "c1.n1.m1.k1"} {
		if err := h.nest(id, standard, shell("exec sleep 1000")); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []ids.Container{"c1.n1.d1", "c1.n1.m1.d2"} {
		if err := h.nest(id, standard, shell("true")); err != nil {
			t.Fatal(err)
		}
		h.ended(id)
	}
	if all, _ := runtime.Wait(t.Context(), h.List()); !slices.Equal(all, []ids.Container{"c1", "c1.n1", "c1.n1.m1", "c1.n1.m1.k1"}) {
		t.Errorf("there are %v", all)
	}
	h.Wait("c1")
	if _, err := runtime.Wait(t.Context(), h.Destroy("c1")); err != nil {
		t.Error(err)
	}
	for _, id := range []ids.Container{"c1", "c1.n1", "c1.n1.m1", "c1.n1.m1.k1", "c1.n1.d1", "c1.n1.m1.d2"} {
		if _, err := runtime.Wait(t.Context(), h.Wait(id)); !errors.Is(err, containerizer.ErrUnknown) {
			t.Errorf("%s is remembered: %v", id, err)
		}
	}
}
