package mesos_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/procfs"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/volume"
)

// house is a containerizer with one sandbox.
type house struct {
	containerizer.Containerizer
	t       *testing.T
	node    *runtime.Node
	sandbox string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseWith(t, mesos.Options{})
}

func newHouseWith(t *testing.T, o mesos.Options) *house {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	o.FrameworksHome, o.Isolators = t.TempDir(), append(o.Isolators, volume.Links{})
	c, err := mesos.New(n, o)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Containerizer: c, t: t, node: n, sandbox: t.TempDir()}
	t.Cleanup(func() {
		runtimetest.Close(t, n)
		h.gone()
	})
	return h
}

// gone fails the test unless all processes of the sandbox vanish. One that was killed may take a moment.
func (h *house) gone() {
	h.t.Helper()
	for range 1000 {
		if len(h.processes()) == 0 {
			return
		}
	}
	h.t.Errorf("processes are left: %v", h.processes())
}

// processes returns the processes with the sandbox in their environment.
func (h *house) processes() []int {
	all, err := procfs.AllProcs()
	if err != nil {
		h.t.Fatal(err)
	}
	var left []int
	for _, p := range all {
		if env, err := p.Environ(); err == nil && slices.Contains(env, "MESOS_SANDBOX="+h.sandbox) {
			left = append(left, p.PID)
		}
	}
	return left
}

func shell(text string) *mesospb.CommandInfo { return &mesospb.CommandInfo{Value: proto.String(text)} }

func (h *house) spec(c *mesospb.CommandInfo) containerizer.Launch {
	return containerizer.Launch{
		ID: "c1", Environment: map[string]string{"GREETING": "hello", "MESOS_SLAVE_ID": "a1"},
		Config: &slavepb.ContainerConfig{CommandInfo: c, Directory: proto.String(h.sandbox)},
	}
}

func (h *house) launch(c *mesospb.CommandInfo) {
	h.t.Helper()
	if _, err := runtime.Wait(h.t.Context(), h.Launch(h.spec(c))); err != nil {
		h.t.Fatal(err)
	}
}

// run runs a command to its end and returns its wait status.
func (h *house) run(c *mesospb.CommandInfo) syscall.WaitStatus {
	h.t.Helper()
	h.launch(c)
	end, err := runtime.Wait(h.t.Context(), h.Wait("c1"))
	if err != nil {
		h.t.Fatal(err)
	}
	return syscall.WaitStatus(end.GetStatus())
}

func (h *house) file(name string) string {
	h.t.Helper()
	content, err := os.ReadFile(filepath.Join(h.sandbox, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(content)
}

// signal returns a function that waits until a command writes to the file ready in the sandbox.
func (h *house) signal() (wait func()) {
	h.t.Helper()
	fifo := filepath.Join(h.sandbox, "ready")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return func() {
		if _, err := os.ReadFile(fifo); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestCommandRunsInItsSandbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := shell(`echo "$GREETING $NAME from $PWD, $MESOS_SANDBOX"; echo oops >&2; exit 3`)
	c.Environment = &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
		{Name: proto.String("NAME"), Value: proto.String("world")},
		{Name: proto.String("GREETING"), Value: proto.String("goodbye")},
	}}
	if status := h.run(c); !status.Exited() || status.ExitStatus() != 3 {
		t.Errorf("the command ended with %v", status)
	}
	if got, want := h.file("stdout"), "goodbye world from "+h.sandbox+", "+h.sandbox+"\n"; got != want {
		t.Errorf("stdout holds %q, want %q", got, want)
	}
	if got := h.file("stderr"); got != "oops\n" {
		t.Errorf("stderr holds %q", got)
	}
}

func TestProgramIsFoundAlongPath(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	status := h.run(&mesospb.CommandInfo{
		Shell: proto.Bool(false), Value: proto.String("printf"), Arguments: []string{"printf", "%s-%s", "a b", "$HOME"},
	})
	if status != 0 || h.file("stdout") != "a b-$HOME" {
		t.Errorf("status %v, stdout %q", status, h.file("stdout"))
	}
}

// Everything that a command leaves behind is killed, even if it left the command's session.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"a child in the background":    `sleep 1000 & echo started`,
		"a child in its own session":   `setsid sleep 1000 & echo started`,
		"a grandchild of nobody":       `(setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo started`,
		"a child that ignores SIGTERM": `(trap "" TERM HUP; sleep 1000) & echo started`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			if status := h.run(shell(script)); status != 0 {
				t.Errorf("the command ended with %v", status)
			}
			h.gone()
		})
	}
}

// The status of a container has its process even if its launch has not completed.
func TestStatusOfWhatJustStarted(t *testing.T) {
	t.Parallel()
	for range 30 {
		h := newHouse(t)
		ready := h.signal()
		launched := h.Launch(h.spec(shell("echo ready > ready; sleep 1000")))
		ready()
		if status, err := runtime.Wait(t.Context(), h.Status("c1")); err != nil || status.GetExecutorPid() == 0 {
			t.Errorf("the container is described as %v (%v)", status, err)
		}
		if _, err := runtime.Wait(t.Context(), launched); err != nil {
			t.Fatal(err)
		}
		if _, err := runtime.Wait(t.Context(), h.Destroy("c1")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDestroyKillsEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ready := h.signal()
	h.launch(shell(`trap "" TERM; sleep 1000 & setsid sleep 1000 & echo ready > ready; wait`))
	ready()
	status, err := runtime.Wait(t.Context(), h.Status("c1"))
	if err != nil || status.GetExecutorPid() == 0 || status.GetContainerId().GetValue() != "c1" {
		t.Errorf("the container is described as %v (%v)", status, err)
	}
	wait := h.Wait("c1")
	end, err := runtime.Wait(t.Context(), h.Destroy("c1"))
	if err != nil || !syscall.WaitStatus(end.GetStatus()).Signaled() {
		t.Errorf("the container ended with %v (%v)", end, err)
	}
	if again, err := runtime.Wait(t.Context(), wait); err != nil || again != end {
		t.Errorf("waiting told %v (%v), destroying %v", again, err, end)
	}
	h.gone()
	if _, err := runtime.Wait(t.Context(), h.Wait("c1")); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("the container is still known: %v", err)
	}
}

// A containerizer that terminates kills its containers.
func TestFinalize(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ready := h.signal()
	h.launch(shell("echo ready > ready; sleep 1000 & wait")) // a process that executes a program has no environment for a moment
	ready()
	if len(h.processes()) == 0 {
		t.Fatal("nothing runs")
	}
} // newHouse closes the node and checks that nothing is left

// restart starts the containerizer of the next run of the agent in a work directory.
func (h *house) restart(work string) {
	h.t.Helper()
	next, err := mesos.New(h.node, mesos.Options{WorkDir: work})
	if err != nil {
		h.t.Fatal(err)
	}
	known := []containerizer.Survivor{{ID: "c1", Directory: h.sandbox}}
	if _, err := runtime.Wait(h.t.Context(), next.Recover(known)); err != nil {
		h.t.Fatal(err)
	}
	if _, err := runtime.Wait(h.t.Context(), next.Wait("c1")); !errors.Is(err, containerizer.ErrUnknown) {
		h.t.Errorf("the next agent was told of a container that it did not take over: %v", err)
	}
}

// Processes of an earlier run of the agent in the same work directory are killed before the next one begins.
func TestOrphans(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	work := t.TempDir()
	alone := h.spec(shell("sleep 1000"))
	alone.ID, alone.Config.Directory = "c2", proto.String(filepath.Join(work, "containers/c2"))
	h.sandbox = filepath.Join(work, "slaves/a1/frameworks/f1/executors/x1/runs/c1")
	for _, dir := range []string{h.sandbox, alone.Config.GetDirectory()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.launch(shell("sleep 1000"))
	if _, err := runtime.Wait(t.Context(), h.Launch(alone)); err != nil {
		t.Fatal(err)
	}
	h.restart(filepath.Join(work, "other"))
	if len(h.processes()) == 0 {
		t.Fatal("a container of another agent was ended")
	}
	h.restart(work)
	for _, id := range []ids.Container{"c1", "c2"} {
		if end, err := runtime.Wait(t.Context(), h.Wait(id)); err != nil || syscall.WaitStatus(end.GetStatus()).Signal() != syscall.SIGKILL {
			t.Errorf("container %s ended with %v (%v)", id, end, err)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ready := h.signal()
	spec := h.spec(shell("echo ready > ready; sleep 1000"))
	spec.Config.Resources = []*mesospb.Resource{
		{Name: proto.String("mem"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(64)}},
	}
	if _, err := runtime.Wait(t.Context(), h.Launch(spec)); err != nil {
		t.Fatal(err)
	}
	ready()
	u, err := runtime.Wait(t.Context(), h.Usage("c1"))
	if err != nil || u.GetMemRssBytes() == 0 || u.GetMemLimitBytes() != 64<<20 {
		t.Errorf("the container uses %v (%v)", u, err)
	}
}

func TestLaunchFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command *mesospb.CommandInfo
		user    string
		want    string
	}{
		"no such user":   {shell("true"), "no-such-user", "No such user 'no-such-user'"},
		"no file at all": {&mesospb.CommandInfo{Value: proto.String("true"), Uris: []*mesospb.CommandInfo_URI{{Value: proto.String("http://host")}}}, "", "Could not fetch: Malformed URI (missing path): http://host"},
		"a file that is not there": {
			&mesospb.CommandInfo{Value: proto.String("true"), Uris: []*mesospb.CommandInfo_URI{{Value: proto.String("/no/such/file")}}}, "",
			"Failed to fetch all URIs for container 'c1': exited with status 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			spec := h.spec(c.command)
			spec.Config.User = proto.String(c.user)
			if _, err := runtime.Wait(t.Context(), h.Launch(spec)); err == nil || err.Error() != c.want {
				t.Errorf("launching failed with %v, want %q", err, c.want)
			}
			if end, err := runtime.Wait(t.Context(), h.Wait("c1")); err != nil || end.Status != nil || end.Message != nil {
				t.Errorf("the container ended with %v (%v)", end, err)
			}
			if c.user == "" && strings.HasPrefix(c.want, "Failed to fetch") {
				if got := h.file("stderr"); !strings.Contains(got, "Failed to fetch '/no/such/file': ") || h.file("stdout") != "" {
					t.Errorf("stderr holds %q", got)
				}
			}
		})
	}
}

// A command that cannot be executed is a container that says so and fails.
func TestUnexecutable(t *testing.T) {
	t.Parallel()
	program := func(value string, args ...string) *mesospb.CommandInfo {
		return &mesospb.CommandInfo{Shell: proto.Bool(false), Value: &value, Arguments: args}
	}
	for name, c := range map[string]struct {
		command *mesospb.CommandInfo
		want    string
	}{
		"no such program": {program("no-such-program"), "Failed to execute 'no-such-program': No such file or directory\n"},
		"no such file":    {program("./nothing"), "Failed to execute './nothing': No such file or directory\n"},
		"no program":      {program("./data"), "Failed to execute './data': Permission denied\n"},
		"a folder":        {program("/"), "Failed to execute '/': Permission denied\n"},
		"no name":         {program(""), "Failed to execute '': No such file or directory\n"},
		"nothing":         {&mesospb.CommandInfo{Shell: proto.Bool(false)}, "Executable path is not specified\n"},
		"nothing to do":   {&mesospb.CommandInfo{}, "Shell command is not specified\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			if err := os.WriteFile(filepath.Join(h.sandbox, "data"), []byte("true"), 0o644); err != nil {
				t.Fatal(err)
			}
			if status := h.run(c.command); status.ExitStatus() != 1 {
				t.Errorf("the container ended with %v", status)
			}
			if got := h.file("stderr"); got != c.want {
				t.Errorf("stderr holds %q, want %q", got, c.want)
			}
		})
	}
}

// A file that the kernel cannot execute is run as a script by the shell, as execvp does, even if it was found along
// PATH.
func TestScriptWithoutInterpreter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := os.WriteFile(filepath.Join(h.sandbox, "script"), []byte(`echo "$0 $#: $1"`), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &mesospb.CommandInfo{
		Shell: proto.Bool(false), Value: proto.String("script"), Arguments: []string{"any name", "a b"},
		Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
			{Name: proto.String("PATH"), Value: proto.String("/nowhere:/etc/passwd::/bin")},
		}},
	}
	if status := h.run(c); status != 0 {
		t.Errorf("the command ended with %v: %s", status, h.file("stderr"))
	}
	if got := h.file("stdout"); got != "./script 1: a b\n" {
		t.Errorf("stdout holds %q", got)
	}
}

// A container can be destroyed while its files are fetched.
func TestDestroyWhileFetching(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer server.Close()
	h := newHouse(t)
	c := shell("true")
	c.Uris = []*mesospb.CommandInfo_URI{{Value: proto.String(server.URL + "/file")}}
	launched := h.Launch(h.spec(c))
	<-asked
	wait := h.Wait("c1")
	h.Destroy("c1")
	if _, err := runtime.Wait(t.Context(), launched); !errors.Is(err, context.Canceled) {
		t.Errorf("launching ended with %v", err)
	}
	if _, err := runtime.Wait(t.Context(), wait); err != nil {
		t.Errorf("waiting ended with %v", err)
	}
}

// The process is recorded, and everything in the sandbox belongs to its user.
func TestUser(t *testing.T) {
	t.Parallel()
	nobody, err := user.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs to be root where there is a user called nobody")
	}
	h := newHouse(t)
	for dir := h.sandbox; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	spec := h.spec(shell("id -u; touch made"))
	spec.Config.User = proto.String("nobody")
	spec.PIDFile = filepath.Join(t.TempDir(), "pids/forked.pid")
	if _, err := runtime.Wait(t.Context(), h.Launch(spec)); err != nil {
		t.Fatal(err)
	}
	if end, err := runtime.Wait(t.Context(), h.Wait("c1")); err != nil || end.GetStatus() != 0 {
		t.Errorf("the command ended with %v (%v): %s", end, err, h.file("stderr"))
	}
	if got := strings.TrimSpace(h.file("stdout")); got != nobody.Uid {
		t.Errorf("the command ran as %s, want %s", got, nobody.Uid)
	}
	if pid, err := os.ReadFile(spec.PIDFile); err != nil || len(pid) == 0 {
		t.Errorf("the process is recorded as %q (%v)", pid, err)
	}
}

// A containerizer that terminates while it starts containers leaves no process and no pending future.
func TestEndWhileStarting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var launched []runtime.Future[struct{}]
	var ended []runtime.Future[*slavepb.ContainerTermination]
	for i := range 20 {
		l := h.spec(shell("exec sleep 1000"))
		l.ID = ids.Container(fmt.Sprint("c", i))
		launched = append(launched, h.Launch(l))
		ended = append(ended, h.Wait(l.ID))
	}
	if _, err := runtime.Wait(t.Context(), launched[0]); err != nil {
		t.Fatal(err)
	}
	runtimetest.Close(t, h.node)
	for i := range launched {
		if _, err := runtime.Wait(t.Context(), launched[i]); err != nil && !errors.Is(err, runtime.ErrTerminated) {
			t.Errorf("launch %d: %v", i, err)
		}
		if _, err := runtime.Wait(t.Context(), ended[i]); !errors.Is(err, runtime.ErrTerminated) {
			t.Errorf("wait %d: %v", i, err)
		}
	}
	for h.node.Working() > 0 {
		goruntime.Gosched()
	}
	h.gone()
}
