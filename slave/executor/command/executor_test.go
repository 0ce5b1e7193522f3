package command_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
	"meseta/slave/executor/executortest"
)

// fake is a launcher whose commands end when the test says so.
type fake struct {
	now      func() time.Time
	refuse   error
	launched []command.Command
	signals  []string // with the seconds since launch
	start    time.Time
	end      runtime.Promise[command.ExitStatus]
}

func (f *fake) Launch(c command.Command) (command.Process, error) {
	f.launched = append(f.launched, c)
	f.start = f.now()
	return f, f.refuse
}

func (f *fake) PID() int                                                  { return 4711 }
func (f *fake) Ended(runtime.Behavior) runtime.Future[command.ExitStatus] { return f.end.Future() }

func (f *fake) Signal(sig syscall.Signal) error {
	f.signals = append(f.signals, fmt.Sprintf("%v after %v", sig, f.now().Sub(f.start).Round(time.Second)))
	return nil
}

// world is an agent and a command executor that it started.
type world struct {
	*sim.World
	t        *testing.T
	agent    runtime.Ref[*executortest.Agent]
	driver   *executor.Driver
	launcher *fake
}

func newWorld(t *testing.T, o command.Options, capabilities ...mesospb.FrameworkInfo_Capability_Type) *world {
	t.Helper()
	w := &world{World: sim.New(1), t: t}
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	var err error
	w.agent, err = runtime.Spawn(w.Node("10.0.0.3:5051"), "slave(1)", &executortest.Agent{Capabilities: capabilities})
	if err != nil {
		t.Fatal(err)
	}
	w.launcher = &fake{now: w.Now, end: runtime.NewPromise[command.ExitStatus]()}
	o.Launcher = w.launcher
	w.driver, err = command.Start(w.Node("10.0.0.3:40000"), command.New(o), executortest.Environment(w.agent.PID()), executor.Options{Die: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	return w
}

// tell makes the agent do f, and lets a second pass.
func (w *world) tell(f func(*executortest.Agent)) {
	runtime.Tell(w.agent, f)
	w.Advance(time.Second)
}

func (w *world) exit(status syscall.WaitStatus) {
	w.launcher.end.Set(command.ExitStatus(status))
	w.Advance(time.Second)
}

// told returns all states, and the last status, that the agent received.
func (w *world) told() (states string, last *mesospb.TaskStatus) {
	w.t.Helper()
	type report struct {
		states string
		last   *mesospb.TaskStatus
	}
	r, err := sim.Await(w.World, runtime.Dispatch(w.agent, func(a *executortest.Agent) report {
		return report{strings.Join(a.States("t1"), " "), a.Updates[len(a.Updates)-1].GetStatus()}
	}), time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.states, r.last
}

func (w *world) stopped() bool { return w.driver.Status() == executor.Stopped }

func sleep(change func(*mesospb.TaskInfo)) *mesospb.TaskInfo {
	t := &mesospb.TaskInfo{
		Name: proto.String("t1"), TaskId: ids.Task("t1").Proto(), SlaveId: ids.Agent("a1").Proto(),
		Command: &mesospb.CommandInfo{Value: proto.String("sleep 1000")},
	}
	if change != nil {
		change(t)
	}
	return t
}

func policy(grace time.Duration) *mesospb.KillPolicy {
	return &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(grace))}}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	const killed = syscall.WaitStatus(syscall.SIGKILL)
	for _, c := range []struct {
		name    string
		status  syscall.WaitStatus
		kill    bool
		states  string
		message string
	}{
		{"success", 0, false, "TASK_STARTING TASK_RUNNING TASK_FINISHED", "Command exited with status 0"},
		{"failure", 3 << 8, false, "TASK_STARTING TASK_RUNNING TASK_FAILED", "Command exited with status 3"},
		{"signal from elsewhere", killed, false, "TASK_STARTING TASK_RUNNING TASK_FAILED", "Command terminated with signal Killed"},
		{"core dump", syscall.WaitStatus(syscall.SIGSEGV) | 0x80, false, "TASK_STARTING TASK_RUNNING TASK_FAILED", "Command terminated with signal Segmentation fault (core dumped)"},
		{"kill", syscall.WaitStatus(syscall.SIGTERM), true, "TASK_STARTING TASK_RUNNING TASK_KILLED", "Command terminated with signal Terminated"},
		{"kill, with success", 0, true, "TASK_STARTING TASK_RUNNING TASK_KILLED", "Command exited with status 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, command.Options{})
			w.tell(func(a *executortest.Agent) { a.Run(sleep(nil)) })
			if c.kill {
				w.tell(func(a *executortest.Agent) { a.Kill("t1", nil) })
			}
			if w.stopped() {
				t.Fatal("stopped while the command runs")
			}
			w.exit(c.status)
			if states, last := w.told(); states != c.states || last.GetMessage() != c.message {
				t.Errorf("told %s, %q", states, last.GetMessage())
			}
			if !w.stopped() {
				t.Error("all is told and acknowledged, but the executor stays")
			}
		})
	}
}

// A command that ignores SIGTERM gets SIGKILL after the grace period: that of the kill, or of the task, or 3 seconds. A
// later kill can shorten it, but not prolong it.
func TestKillEscalates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		task  *mesospb.KillPolicy
		kills []*mesospb.KillPolicy // one per second, the first after one second
		want  string
	}{
		{"by default", nil, []*mesospb.KillPolicy{nil}, "terminated after 1s, killed after 4s"},
		{"as the task says", policy(10 * time.Second), []*mesospb.KillPolicy{nil}, "terminated after 1s, killed after 11s"},
		{"as the kill says", policy(10 * time.Second), []*mesospb.KillPolicy{policy(5 * time.Second)}, "terminated after 1s, killed after 6s"},
		{"sooner", nil, []*mesospb.KillPolicy{policy(time.Minute), policy(4 * time.Second)}, "terminated after 1s, killed after 5s"},
		{"at once", nil, []*mesospb.KillPolicy{policy(time.Minute), policy(0)}, "terminated after 1s, killed after 2s"},
		{"not later", nil, []*mesospb.KillPolicy{policy(2 * time.Second), policy(time.Minute)}, "terminated after 1s, killed after 3s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, command.Options{}, mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE)
			w.tell(func(a *executortest.Agent) { a.Run(sleep(func(k *mesospb.TaskInfo) { k.KillPolicy = c.task })) })
			for _, k := range c.kills {
				w.tell(func(a *executortest.Agent) { a.Kill("t1", k) })
			}
			w.Advance(time.Hour)
			if got := strings.Join(w.launcher.signals, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if states, _ := w.told(); states != "TASK_STARTING TASK_RUNNING TASK_KILLING" {
				t.Errorf("told %s", states)
			}
		})
	}
}

func TestMaxCompletionTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, command.Options{})
	w.tell(func(a *executortest.Agent) {
		a.Run(sleep(func(k *mesospb.TaskInfo) {
			k.MaxCompletionTime = &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(time.Minute))}
		}))
	})
	w.Advance(time.Hour)
	w.exit(syscall.WaitStatus(syscall.SIGKILL))
	states, last := w.told()
	if states != "TASK_STARTING TASK_RUNNING TASK_FAILED" || last.GetReason() != mesospb.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED {
		t.Errorf("told %s, %v", states, last)
	}
	if got := strings.Join(w.launcher.signals, ", "); got != "terminated after 1m0s, killed after 1m0s" {
		t.Errorf("got %q", got)
	}
}

// The executor ends its command early enough to report the end. Without a command it stops at once.
func TestShutdown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, command.Options{})
	w.tell(func(a *executortest.Agent) { a.Run(sleep(nil)) })
	w.tell(func(a *executortest.Agent) { a.Shutdown() })
	w.Advance(3 * time.Second)
	w.exit(syscall.WaitStatus(syscall.SIGKILL))
	if states, _ := w.told(); states != "TASK_STARTING TASK_RUNNING TASK_KILLED" || !w.stopped() {
		t.Errorf("told %s, stopped %v", states, w.stopped())
	}
	if got := strings.Join(w.launcher.signals, ", "); got != "terminated after 1s, killed after 4s" {
		t.Errorf("got %q", got)
	}

	idle := newWorld(t, command.Options{})
	idle.tell(func(a *executortest.Agent) { a.Shutdown() })
	if !idle.stopped() {
		t.Error("an executor without task stays")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	t.Run("a command that cannot be started", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, command.Options{})
		w.launcher.refuse = errors.New("no such file")
		w.tell(func(a *executortest.Agent) { a.Run(sleep(nil)) })
		if states, last := w.told(); states != "TASK_STARTING TASK_FAILED" || !strings.Contains(last.GetMessage(), "no such file") {
			t.Errorf("told %s, %q", states, last.GetMessage())
		}
	})
	t.Run("a task without command", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, command.Options{})
		w.tell(func(a *executortest.Agent) { a.Run(sleep(func(k *mesospb.TaskInfo) { k.Command = nil })) })
		if states, _ := w.told(); states != "TASK_STARTING TASK_FAILED" {
			t.Errorf("told %s", states)
		}
	})
	t.Run("a second task", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, command.Options{})
		w.tell(func(a *executortest.Agent) {
			a.Run(sleep(nil))
			a.Run(sleep(func(k *mesospb.TaskInfo) { k.TaskId = ids.Task("t2").Proto() }))
		})
		if _, last := w.told(); last.GetTaskId().GetValue() != "t2" || last.GetState() != mesospb.TaskState_TASK_FAILED || w.stopped() {
			t.Errorf("told %v, stopped %v", last, w.stopped())
		}
	})
}

// The agent may withhold its acknowledgement; the executor does not wait forever.
func TestLingers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, command.Options{})
	w.tell(func(a *executortest.Agent) {
		a.Run(sleep(nil))
		a.Mute = true
	})
	w.launcher.end.Set(0)
	w.Advance(900 * time.Millisecond)
	if w.stopped() {
		t.Error("gone before its last update is acknowledged")
	}
	w.Advance(200 * time.Millisecond)
	if !w.stopped() {
		t.Error("still there")
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, command.Options{
		Inherited: []string{"PATH=/bin", "A=inherited", "WORD=secret"},
		Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
			{Name: proto.String("A"), Value: proto.String("agent's")}, {Name: proto.String("WORD"), Value: proto.String("image's")},
		}},
		User: "nobody", Groups: []uint32{7}, WorkingDirectory: "/work",
	})
	w.tell(func(a *executortest.Agent) {
		a.Run(sleep(func(k *mesospb.TaskInfo) {
			k.Command = &mesospb.CommandInfo{
				Shell: proto.Bool(false), Value: proto.String("sleep"), Arguments: []string{"sleep", "1000"},
				Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
					{Name: proto.String("A"), Value: proto.String("task's")},
					{Name: proto.String("WORD"), Type: mesospb.Environment_Variable_SECRET.Enum()}, // as its executor has it
				}},
			}
			k.Resources = []*mesospb.Resource{{
				Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
				AllocationInfo: &mesospb.Resource_AllocationInfo{Role: proto.String("ads")},
			}}
		}))
	})
	got := fmt.Sprintf("%+v", w.launcher.launched)
	want := "[{Path:sleep Args:[sleep 1000] Env:[PATH=/bin A=inherited WORD=secret A=agent's A=task's MESOS_ALLOCATION_ROLE=ads] Dir:/work User:nobody Groups:[7]}]"
	if got != want {
		t.Errorf("launched %s\nwant     %s", got, want)
	}
}
