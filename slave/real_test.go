package slave_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/procfs"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/runtimetest"
	"meseta/slave"
	"meseta/slave/executor"
	"meseta/slave/slavetest"
)

// asExecutor, in the environment, makes this test program an executor, which speaks v0 or http.
const asExecutor = "SLAVE_TEST_EXECUTOR"

func TestMain(m *testing.M) {
	if os.Getenv(asExecutor) == "" {
		os.Exit(m.Run())
	}
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
		panic(err)
	}
	var line executor.Options
	if os.Getenv(asExecutor) == "http" {
		line.HTTP = executor.NewHTTP(env, nil)
	}
	executor.NewDriver(listen(), sleeper{}, env, line).Run()
}

func listen() *runtime.Node { return listenAt("") }

// listenAt starts a node at an address of an earlier one, or at any if that is empty.
func listenAt(address string) *runtime.Node {
	wire, err := libprocess.Listen(libprocess.Options{Address: address})
	if err != nil {
		panic(err)
	}
	n, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		panic(err)
	}
	return n
}

// sleeper is an executor whose tasks are processes in sessions of their own.
type sleeper struct{ executor.Base }

func (sleeper) LaunchTask(d *executor.Driver, task *mesospb.TaskInfo) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	d.SendStatusUpdate(&mesospb.TaskStatus{TaskId: task.GetTaskId(), State: running.Enum()})
}

// realAgent is an agent whose executors are real processes, with a scripted master, on loopback.
type realAgent struct {
	t      *testing.T
	dir    string
	agent  runtime.Ref[*slave.Slave]
	node   *runtime.Node
	master runtime.Ref[*slavetest.Master]
	heard  chan *internalpb.StatusUpdate
}

func newRealAgent(t *testing.T, speaks string) *realAgent {
	t.Helper()
	r := &realAgent{t: t, dir: t.TempDir(), node: listen(), heard: make(chan *internalpb.StatusUpdate, 100)}
	there, registered := listen(), make(chan struct{})
	m := &slavetest.Master{Acknowledge: true}
	m.OnUpdate = func(u *internalpb.StatusUpdate) { r.heard <- u }
	m.OnRegister = func() { close(registered) }
	var err error
	if r.master, err = runtime.Spawn(there, "master", m); err != nil {
		t.Fatal(err)
	}
	config := slave.Defaults()
	config.Detector, config.WorkDir = election.NewStandalone(election.MasterInfo(r.master.PID())), r.dir
	config.Resources, config.RegistrationBackoff = "cpus:1;mem:64;disk:64", 0
	config.Environment = map[string]string{asExecutor: speaks}
	if r.agent, err = slave.Spawn(r.node, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range []*runtime.Node{r.node, there} {
			runtimetest.Close(t, n)
		}
		r.gone()
	})
	<-registered
	return r
}

// run launches a task in this program as executor, waits until it runs, and returns the executor's process.
func (r *realAgent) run(task ids.Task) int {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	launch := custom(task, true, framework())
	launch.Task.Executor.Command = &mesospb.CommandInfo{Shell: proto.Bool(false), Value: proto.String(self)}
	runtime.Tell(r.master, func(m *slavetest.Master) { m.Tell(launch) })
	u := <-r.heard
	pid := u.GetStatus().GetContainerStatus().GetExecutorPid()
	if u.GetStatus().GetState() != running || pid == 0 {
		r.t.Fatalf("the first update is %v", u)
	}
	return int(pid)
}

// processes are those of the agent's sandboxes.
func (r *realAgent) processes() []int {
	all, err := procfs.AllProcs()
	if err != nil {
		r.t.Fatal(err)
	}
	var found []int
	for _, p := range all {
		env, err := p.Environ()
		if err == nil && slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "MESOS_SANDBOX="+r.dir) }) {
			found = append(found, p.PID)
		}
	}
	return found
}

// gone demands that no process is left.
func (r *realAgent) gone() {
	r.t.Helper()
	r.remain(0)
}

// remain demands that there are so many processes. One that was killed may take a moment to vanish, and of one that executes a
// program the environment cannot be read for a moment.
func (r *realAgent) remain(want int) {
	r.t.Helper()
	for range 1000 {
		if len(r.processes()) == want {
			return
		}
	}
	r.t.Errorf("the processes %v run, want %d", r.processes(), want)
}

// kill -9 of an executor fails its tasks and takes their processes with it.
func TestRealExecutorIsKilled(t *testing.T) {
	t.Parallel()
	for _, speaks := range []string{"v0", "http"} {
		t.Run(speaks, func(t *testing.T) {
			t.Parallel()
			r := newRealAgent(t, speaks)
			pid := r.run("t1")
			r.remain(2) // the executor and its task
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			u := (<-r.heard).GetStatus()
			if u.GetState() != failed || u.GetReason() != mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED {
				t.Errorf("the master heard %v", u)
			}
			r.gone()
			if _, err := os.Stat(filepath.Join(r.dir, "slaves/a1/frameworks/f1/executors/x1/runs/latest/stderr")); err != nil {
				t.Errorf("the sandbox is not kept: %v", err)
			}
		})
	}
}

// After a signal to end, executors and tasks are gone, and then the agent.
func TestRealAgentIsShutDown(t *testing.T) {
	t.Parallel()
	for _, speaks := range []string{"v0", "http"} {
		t.Run(speaks, func(t *testing.T) {
			t.Parallel()
			r := newRealAgent(t, speaks)
			r.run("t1")
			runtime.Tell(r.agent, func(s *slave.Slave) { s.Shutdown("received SIGUSR1") })
			if err := r.node.Wait(context.Background(), r.agent.PID()); err != nil {
				t.Error(err)
			}
			r.gone()
		})
	}
}
