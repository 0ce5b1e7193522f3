package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/enginetest"
	"meseta/slave/containerizer/mesos"
)

// TestMain makes this program mesos-docker-executor, as far as that runs the containers of executors.
func TestMain(m *testing.M) {
	text, found := os.LookupEnv(RequestVariable)
	if !found || filepath.Base(os.Args[0]) != program {
		os.Exit(m.Run())
	}
	options := map[string]string{}
	for _, arg := range os.Args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		options[name] = value
	}
	r := &engine.Create{}
	err := json.Unmarshal([]byte(text), r)
	status := 1
	if err == nil {
		status, err = engine.Run(context.Background(), engine.Dial(options["--docker_socket"]), options["--container"], r, os.Stdout, os.Stderr, func(*engine.Container) {})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// quay is a containerizer on an engine.
type quay struct {
	*Containerizer
	t       *testing.T
	engine  *engine.Client
	dir     string
	options Options
	end     func() // of the containerizer, as that of an agent that is killed
}

func newQuay(t *testing.T, change func(*Options)) *quay {
	t.Helper()
	q := &quay{t: t, dir: t.TempDir(), options: Default()}
	q.options.Socket, q.options.LauncherDir, q.options.WorkDir = enginetest.Start(t), filepath.Join(q.dir, "bin"), filepath.Join(q.dir, "work")
	q.engine = engine.Dial(q.options.Socket)
	t.Cleanup(q.engine.Close)
	if err := q.engine.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Mkdir(q.options.LauncherDir, 0o755)
	}
	if err == nil {
		err = os.Symlink(self, filepath.Join(q.options.LauncherDir, program))
	}
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&q.options)
	}
	q.begin()
	return q
}

// begin starts a containerizer, as an agent does.
func (q *quay) begin() {
	node, err := runtime.NewNode(runtime.Options{})
	if err != nil {
		q.t.Fatal(err)
	}
	q.end = func() { runtimetest.Close(q.t, node) }
	q.t.Cleanup(q.end)
	if q.Containerizer, err = New(node, q.options, mesos.Options{WorkDir: q.options.WorkDir, RuntimeDir: filepath.Join(q.dir, "run")}); err != nil {
		q.t.Fatal(err)
	}
}

func must[T any](t *testing.T, f runtime.Future[T]) T {
	t.Helper()
	v, err := runtime.Wait(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sandbox returns the sandbox of a container.
func (q *quay) sandbox(id ids.Container) string {
	return filepath.Join(q.options.WorkDir, "slaves/s/frameworks/f/executors/e/runs", string(id))
}

// executor returns the launch of an executor that runs a command in a container.
func (q *quay) executor(id ids.Container, command, container string) containerizer.Launch {
	q.t.Helper()
	dir := q.sandbox(id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		q.t.Fatal(err)
	}
	info := &mesospb.ContainerInfo{}
	if err := mesosjson.Unmarshal([]byte(container), info); err != nil {
		q.t.Fatal(err)
	}
	bag, err := resources.Parse("cpus:0.5;mem:64", "*")
	if err != nil {
		q.t.Fatal(err)
	}
	c := &mesospb.CommandInfo{Value: &command}
	return containerizer.Launch{ID: id, Environment: map[string]string{"MESOS_EXECUTOR_ID": "e"}, Config: &slavepb.ContainerConfig{
		ExecutorInfo: &mesospb.ExecutorInfo{ExecutorId: ids.Executor("e").Proto(), Command: c, Container: info}, CommandInfo: c, ContainerInfo: info,
		Directory: &dir, Resources: bag.Proto(),
	}}
}

const plain = `{"type": "DOCKER", "docker": {"image": "box"}}`

func (q *quay) reads(id ids.Container, file string) string {
	text, err := os.ReadFile(filepath.Join(q.sandbox(id), file))
	if err != nil {
		q.t.Error(err)
	}
	return string(text)
}

// names returns the names of the containers of the engine.
func (q *quay) names() (all []string) {
	listed, err := q.engine.List(q.t.Context(), prefix)
	if err != nil {
		q.t.Fatal(err)
	}
	for _, one := range listed {
		all = append(all, one.Name)
	}
	return all
}

const (
	id1 = ids.Container("5b2d7b1c-9d0e-4d29-9d7b-0d6f1f9d2c11")
	id2 = ids.Container("5b2d7b1c-9d0e-4d29-9d7b-0d6f1f9d2c12")
	id3 = ids.Container("5b2d7b1c-9d0e-4d29-9d7b-0d6f1f9d2c13")
)

// An executor runs in a container with the environment of executors, and its end is that of the container.
func TestExecutors(t *testing.T) {
	t.Parallel()
	q := newQuay(t, func(o *Options) {
		o.Decorate = func(_ context.Context, l Launch) (*modulepb.DockerTaskExecutorPrepareInfo, error) {
			return &modulepb.DockerTaskExecutorPrepareInfo{TaskEnvironment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
				{Name: proto.String("HOOK"), Value: proto.String(l.Container)},
			}}}, nil
		}
	})
	must(t, q.Recover(nil))
	must(t, q.Launch(q.executor(id1, "env; cat /mnt/mesos/sandbox/stdout >/dev/null; exit 5", plain)))
	over := must(t, q.Wait(id1))
	if over.GetStatus() != 5<<8 || over.GetMessage() != "Container terminated" {
		t.Errorf("%v\n%s", over, q.reads(id1, "stderr"))
	}
	for _, want := range []string{"MESOS_EXECUTOR_ID=e\n", "HOOK=mesos-" + string(id1), "MESOS_SANDBOX=/mnt/mesos/sandbox\n", "MESOS_CONTAINER_NAME=mesos-" + string(id1)} {
		if out := q.reads(id1, "stdout"); !strings.Contains(out, want) {
			t.Errorf("%s\nwant %s", out, want)
		}
	}
	// A second one is measured, updated and destroyed.
	must(t, q.Launch(q.executor(id2, "echo ready; sleep 1000", plain)))
	q.await(func() bool { return strings.Contains(q.reads(id2, "stdout"), "ready") })
	if u := must(t, q.Usage(id2)); u.GetMemRssBytes() == 0 || u.GetCpusSoftLimit() != 0.5 || u.GetMemLimitBytes() != 64<<20 || u.MemSoftLimitBytes != nil {
		t.Errorf("%v", u)
	}
	bag, _ := resources.Parse("cpus:1;mem:128", "*")
	must(t, q.Update(id2, bag.Proto(), nil))
	if one, err := q.engine.Inspect(t.Context(), prefix+string(id2)); err != nil || !strings.Contains(string(one.Raw), `"CpuShares":1024,"Memory":134217728`) {
		t.Errorf("%s, %v", one.Raw, err)
	}
	if s := must(t, q.Status(id2)); s.GetContainerId().GetValue() != string(id2) || s.ExecutorPid != nil {
		t.Errorf("%v", s)
	}
	if over := must(t, q.Destroy(id2)); over.GetMessage() != "Container killed" {
		t.Errorf("%v", over)
	}
	if one, err := q.engine.Inspect(t.Context(), prefix+string(id2)); err != nil || one.State.Running {
		t.Errorf("%+v, %v", one, err)
	}
}

// await polls, because nothing tells what the engine does.
func (q *quay) await(found func() bool) {
	q.t.Helper()
	tick, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !found() {
		select {
		case <-tick.C:
		case <-late:
			q.t.Fatal("nothing for a minute")
		}
	}
}

// What is not Docker's is left to others, and what cannot be launched leaves nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	q := newQuay(t, func(o *Options) { o.RemoveDelay = 0 })
	must(t, q.Recover(nil))
	other := q.executor(id1, "true", `{"type": "MESOS"}`)
	none := q.executor(id1, "true", plain)
	none.Config.ContainerInfo = nil
	for _, l := range []containerizer.Launch{other, none} {
		if _, err := runtime.Wait(t.Context(), q.Launch(l)); !errors.Is(err, containerizer.ErrUnsupported) {
			t.Error(err)
		}
	}
	nested := q.executor(id1+".n", "true", plain)
	if _, err := runtime.Wait(t.Context(), q.Launch(nested)); err == nil || err.Error() != "Nested containers are not supported" {
		t.Error(err)
	}
	n := 0
	for container, want := range map[string]string{
		`{"type": "DOCKER", "docker": {"image": "127.0.0.1:9/none"}}`:                                "Failed to run 'docker -H unix://" + q.options.Socket + " pull 127.0.0.1:9/none:latest': exited with status 1; stderr='Error response from daemon: ",
		`{"type": "DOCKER", "hostname": "h", "docker": {"image": "box"}}`:                            "Unable to set hostname with host network mode",
		`{"type": "DOCKER", "docker": {"image": "box", "parameters": [{"key": "x", "value": "y"}]}}`: "Parameter 'x' in DockerInfo is not supported by this agent",
	} {
		n++
		id := ids.Container(fmt.Sprint("c", n))
		if _, err := runtime.Wait(t.Context(), q.Launch(q.executor(id, "true", container))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		must(t, q.Destroy(id))
	}
	if names := q.names(); len(names) != 0 {
		t.Errorf("left: %q", names)
	}
}

// A containerizer that ends leaves its containers to the next one, which removes all others of Mesos's.
func TestRecovery(t *testing.T) {
	t.Parallel()
	q := newQuay(t, func(o *Options) { o.RemoveDelay = 0 })
	must(t, q.Recover(nil))
	must(t, q.Launch(q.executor(id1, "while ! test -e go; do sleep 0.05; done; exit 6", `{"type": "DOCKER", "docker": {"image": "box", "parameters": [{"key": "workdir", "value": "/mnt/mesos/sandbox"}]}}`)))
	must(t, q.Launch(q.executor(id2, "sleep 1000", plain)))
	q.await(func() bool { return len(q.names()) == 2 })
	pid := func(id ids.Container) int {
		text, err := os.ReadFile(filepath.Join(q.dir, "run/docker/containers", string(id), "pid"))
		n := 0
		if _, serr := fmt.Sscan(string(text), &n); err != nil || serr != nil {
			t.Fatal(err, serr)
		}
		return n
	}
	known := []containerizer.Survivor{{ID: id1, Directory: q.sandbox(id1), PID: pid(id1), Docker: true}, {ID: "other", Directory: "/other", PID: 1}}
	for _, name := range []string{prefix + string(id3), prefix + "s0." + string(id3) + ".executor", "mesos-mine", "mine"} {
		if _, err := q.engine.Create(t.Context(), name, &engine.Create{Image: enginetest.Image}); err != nil {
			t.Fatal(err)
		}
	}
	q.end()
	q.begin()
	if taken := must(t, q.Recover(known)); len(taken) != 1 || taken[0] != id1 {
		t.Errorf("taken over: %q", taken)
	}
	if names := strings.Join(q.names(), " "); names != "mesos-mine "+prefix+string(id1) {
		t.Errorf("left: %s", names)
	}
	if err := os.WriteFile(filepath.Join(q.sandbox(id1), "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if over := must(t, q.Wait(id1)); over.GetStatus() != 6<<8 {
		t.Errorf("%v", over)
	}
	q.await(func() bool { return strings.Join(q.names(), " ") == "mesos-mine" })
}

// A persistent volume is in the container, below its sandbox.
func TestPersistentVolumes(t *testing.T) {
	t.Parallel()
	q := newQuay(t, nil)
	must(t, q.Recover(nil))
	l := q.executor(id1, "cat /mnt/mesos/sandbox/data/old; echo new > /mnt/mesos/sandbox/data/new", plain)
	l.Config.Resources = append(l.Config.Resources, &mesospb.Resource{
		Name: proto.String("disk"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
		Reservations: []*mesospb.Resource_ReservationInfo{{Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("r")}},
		Disk: &mesospb.Resource_DiskInfo{
			Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: proto.String("p1")},
			Volume:      &mesospb.Volume{ContainerPath: proto.String("data"), Mode: mesospb.Volume_RW.Enum()},
		},
	})
	volume := filepath.Join(q.options.WorkDir, "volumes/roles/r/p1")
	if err := errors.Join(os.MkdirAll(volume, 0o755), os.WriteFile(filepath.Join(volume, "old"), []byte("old\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	must(t, q.Launch(l))
	over := must(t, q.Wait(id1))
	content, _ := os.ReadFile(filepath.Join(volume, "new"))
	if over.GetStatus() != 0 || q.reads(id1, "stdout") != "old\n" || string(content) != "new\n" {
		t.Errorf("%v, %q, %q, %s", over, q.reads(id1, "stdout"), content, q.reads(id1, "stderr"))
	}
}

// Credentials that were fetched into the sandbox take the place of the agent's.
func TestCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	x := &isolator{options: Options{Credentials: engine.Credentials{"registry.example": {Username: "agent"}}}}
	c := &mesos.Container{Sandbox: root}
	if a, err := x.auth(c, "registry.example/box"); err != nil || a.Username != "agent" {
		t.Errorf("%v, %v", a, err)
	}
	file := `{"registry.example": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("task:x")) + `"}}`
	if err := os.WriteFile(filepath.Join(dir, ".dockercfg"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := x.auth(c, "registry.example/box"); err != nil || a.Username != "task" {
		t.Errorf("%v, %v", a, err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".dockercfg"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := x.auth(c, "registry.example/box"); err == nil || !strings.Contains(err.Error(), "the file '.dockercfg' in the sandbox has no credentials") {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]ids.Container{
		"mesos-" + string(id1): id1, "mesos-s0." + string(id1): id1, "mesos-s0." + string(id1) + ".executor": id1,
		"mesos-mine": "", "mine": "", "mesos-a.b.c.d": "", string(id1): "",
	} {
		if id, ours := parse(name); id != want || ours != (want != "") {
			t.Errorf("%s: %q, %t", name, id, ours)
		}
	}
}
