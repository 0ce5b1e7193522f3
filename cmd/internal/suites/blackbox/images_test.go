package blackbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"meseta/slave/cgroups"
)

// boxLayer returns the archive of a small file system with a shell, and with more programs.
func boxLayer(t *testing.T, more ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, seen := tar.NewWriter(&b), map[string]bool{}
	add := func(from, to string) {
		if seen[to] {
			return
		}
		seen[to] = true
		content, err := os.ReadFile(from)
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: to, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg})
		}
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range append([]string{"sh", "cat", "id", "sleep"}, more...) {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("the image needs programs: %v", err)
		}
		add(path, "bin/"+filepath.Base(tool))
		libraries, err := exec.Command("ldd", path).Output()
		if err != nil {
			continue // it is static
		}
		for word := range strings.FieldsSeq(string(libraries)) {
			if strings.HasPrefix(word, "/") {
				add(word, word[1:])
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newBox starts a registry with an image, and returns its address.
func newBox(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	pushBox(t, server.URL, "test/box:v1", "/data", boxLayer(t))
	return server.URL
}

// pushBox gives a registry an image with a working directory.
func pushBox(t *testing.T, to, image, dir string, content []byte) {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		t.Fatal(err)
	}
	made, err := mutate.AppendLayers(empty.Image, l)
	if err == nil {
		made, err = mutate.Config(made, v1.Config{
			Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{`echo "image-cmd in $PWD with $FROM"`}, WorkingDir: dir, Env: []string{"FROM=image", "PATH=/bin"},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(to, "http://")+"/"+image, name.Insecure)
	if err == nil {
		err = remote.Write(ref, made)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// apart holds a mount namespace of its own, in which programs can be started one after the other. There may be other namespaces.
type apart string

// newApart makes an apart. more are flags of unshare(2) for further namespaces.
func newApart(t *testing.T, more ...uintptr) apart {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("file systems of images need the rights of root")
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip(err)
	}
	held := exec.Command("cat")
	held.Stdin = lifeline // a signal at the end of its parent would come at that of a thread
	held.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	for _, flag := range more {
		held.SysProcAttr.Unshareflags |= flag
	}
	if err := held.Start(); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	t.Cleanup(func() {
		held.Process.Kill() //nolint:errcheck // it runs until here
		held.Wait()         //nolint:errcheck // it was killed
	})
	return apart(fmt.Sprintf("/proc/%d/ns/mnt", held.Process.Pid))
}

// command is a command in the namespaces: one of the programs that are built, or another one.
func (a apart) command(name string, args ...string) *exec.Cmd {
	if slices.Contains(all, name) {
		name = filepath.Join(bin, name)
	}
	network := strings.TrimSuffix(string(a), "mnt") + "net"
	return exec.Command("nsenter", append([]string{"--mount=" + string(a), "--net=" + network, "--wd=" + bin, name}, args...)...)
}

// does runs a command in the namespaces, and returns what it prints. It skips a test where there is no such command.
func (a apart) does(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
	out, err := a.command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// start starts a program in the namespaces.
func (a apart) start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: a.command(name, args...), out: &transcript{}}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = p.out, p.out, clean(os.Environ())
	p.begin()
	return p
}

// mounts returns how many mounts there are below a directory.
func (a apart) mounts(t *testing.T, dir string) int {
	t.Helper()
	table, err := os.ReadFile(strings.TrimSuffix(string(a), "ns/mnt") + "mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(table), dir)
}

// imageWorld is a master, and an agent that runs images, which may have more arguments.
type imageWorld struct {
	t      *testing.T
	dir    string
	apart  apart
	port   string   // of the agent
	args   []string // likewise
	root   string   // the control group of its containers
	master *process
	agent  *process
}

// groupsRoot returns a name for the root of the control groups of containers, which is removed when the agent has ended.
func groupsRoot(t *testing.T) string {
	t.Helper()
	h, err := cgroups.Kernel("/sys/fs/cgroup")
	if err != nil || syscall.Access(h.Path, 2) != nil {
		t.Skipf("the linux launcher needs control groups: %v", err)
	}
	root := fmt.Sprintf("meseta-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")) // one group, which is removed
	t.Cleanup(func() {                                                                       // after the agent has ended
		all, err := filepath.Glob("/sys/fs/cgroup/*/" + root)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range append(all, filepath.Join(h.Path, root)) {
			if err := syscall.Rmdir(group); err != nil && !errors.Is(err, syscall.ENOENT) {
				t.Errorf("the control group %s: %v", group, err)
			}
		}
	})
	return root
}

func newImageWorld(t *testing.T, more ...string) *imageWorld {
	t.Helper()
	w := &imageWorld{t: t, dir: t.TempDir(), apart: newApart(t), port: freePort(t), root: groupsRoot(t)}
	w.args = withDefaults(more, "--isolation=posix/cpu,posix/mem,filesystem/linux,docker/runtime,namespaces/pid")
	if flagOf(more, "--docker_registry") == "" {
		w.args = append(w.args, "--docker_registry="+newBox(t))
	}
	w.args = append(w.args,
		"--launcher=linux", "--image_providers=docker", "--docker_store_dir="+filepath.Join(w.dir, "store"), "--cgroups_root="+w.root,
		"--runtime_dir="+filepath.Join(w.dir, "run"), "--no-systemd_enable_support",
	)
	w.master = startMaster(t, "0", filepath.Join(w.dir, "master"))
	w.start()
	return w
}

func (w *imageWorld) start() {
	w.t.Helper()
	w.agent = startAgentIn(w.t, string(w.apart), w.port, w.master.address, filepath.Join(w.dir, "agent"), w.args...)
}

// run runs a task and returns what was told of it and what it printed.
func (w *imageWorld) run(id, image, command string) (told, printed string) {
	w.t.Helper()
	return w.runIn(id, fmt.Sprintf(`"mesos": {"image": {"type": "DOCKER", "docker": {"name": %q}}}`, image), command)
}

// taskIn is a task in a container.
func taskIn(id, container, command string) string {
	return fmt.Sprintf(`{"name": %[1]q, "task_id": {"value": %[1]q}, "agent_id": {"value": ""}, "command": %[3]s,
		"resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}],
		"container": {"type": "MESOS", %[2]s}}`, id, container, command)
}

// runIn is run in a container of any kind.
func (w *imageWorld) runIn(id, container, command string) (told, printed string) {
	w.t.Helper()
	task := taskIn(id, container, command)
	_, told = does(w.t, nil, "mesos-execute", "--master="+w.master.address, "--task="+task)
	files, err := filepath.Glob(filepath.Join(w.dir, "agent/slaves/*/frameworks/*/executors", id, "runs/latest/std*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		printed += string(content)
	}
	return told, printed
}

// clean waits until no file system of a container is left.
func (w *imageWorld) clean() {
	w.t.Helper()
	gone(w.t, func() []string {
		left, err := filepath.Glob(filepath.Join(w.dir, "agent/provisioner/containers/*"))
		if err != nil {
			w.t.Fatal(err)
		}
		return left
	})
	if n := w.apart.mounts(w.t, filepath.Join(w.dir, "agent/provisioner")); n != 0 {
		w.t.Errorf("%d mounts are left", n)
	}
}

// A task sees its image, and runs what the image says unless it says so itself; nothing of it is left.
func TestImages(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	for id, test := range map[string]struct{ command, want string }{
		"img-cmd":   {`{"shell": false}`, "image-cmd in /data with image"},
		"img-argv":  {`{"shell": false, "arguments": ["echo own $MESOS_SANDBOX"]}`, "own /mnt/mesos/sandbox"},
		"img-shell": {`{"value": "id -u; echo said > $MESOS_SANDBOX/said; cat /mnt/mesos/sandbox/said; cat /bin/bash || echo none", "shell": true}`, "0\nsaid\nnone\n"},
		"img-env":   {`{"value": "echo $FROM", "environment": {"variables": [{"name": "FROM", "value": "task"}]}}`, "task"},
		"img-user":  {`{"value": "id -u; echo x > said && echo wrote", "user": "nobody"}`, "65534"},
	} {
		told, printed := w.run(id, "test/box:v1", test.command)
		if !strings.Contains(told, "TASK_RUNNING") || !strings.Contains(printed, test.want) {
			t.Errorf("%s: told\n%s\nprinted\n%s\nwant %s", id, told, printed, test.want)
		}
	}
	told, _ := w.run("img-missing", "test/nosuch", `{"value": "true"}`)
	if !strings.Contains(told, "TASK_FAILED") || !strings.Contains(told, "Failed to launch container: Failed to fetch the manifest of image 'test/nosuch'") ||
		!strings.Contains(told, "REASON_CONTAINER_LAUNCH_FAILED") {
		t.Errorf("a missing image: told\n%s", told)
	}
	w.clean()
	gone(t, w.pruned) // images are kept until their containers are over
}

// pruned prunes, and returns the layers that are left.
func (w *imageWorld) pruned() (left []string) {
	w.t.Helper()
	w.prune()
	layers, err := os.ReadDir(filepath.Join(w.dir, "store/layers"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range layers {
		left = append(left, l.Name())
	}
	return left
}

// prune has the agent delete images.
func (w *imageWorld) prune() {
	w.t.Helper()
	response, err := http.Post("http://"+w.agent.address+"/api/v1", "application/json", strings.NewReader(`{"type": "PRUNE_IMAGES", "prune_images": {}}`))
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("pruned with %s", response.Status)
	}
}

// An agent that starts again after kill -9 removes the file system of a task that nobody knows any more.
func TestImagesOutlived(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	task := taskIn("long", `"mesos": {"image": {"type": "DOCKER", "docker": {"name": "test/box:v1"}}}`, `{"value": "echo begun; sleep 1000"}`)
	framework := start(t, nil, "mesos-execute", "--master="+w.master.address, "--task="+task)
	framework.awaits("TASK_RUNNING")
	if w.apart.mounts(t, filepath.Join(w.dir, "agent/provisioner")) == 0 {
		t.Error("no file system is mounted")
	}
	w.agent.kill()
	framework.kill()
	w.start()
	w.clean()
}
