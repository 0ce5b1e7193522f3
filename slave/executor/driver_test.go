package executor_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/executor"
	"meseta/slave/executor/executortest"
)

const (
	agentAddr    = "10.0.0.3:5051"
	executorAddr = "10.0.0.3:40000"
)

// world is an agent and an executor that it started.
type world struct {
	*sim.World
	t        *testing.T
	agent    runtime.Ref[*executortest.Agent]
	executor *executortest.Executor
	driver   *executor.Driver
	died     bool
}

func newWorld(t *testing.T, change func(*executor.Environment)) *world {
	t.Helper()
	w := &world{World: sim.New(1), t: t, executor: &executortest.Executor{}}
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	w.startAgent()
	env := executortest.Environment(w.agent.PID())
	if change != nil {
		change(&env)
	}
	w.driver = executor.NewDriver(w.Node(executorAddr), w.executor, env, executor.Options{Die: func() { w.died = true }})
	w.driver.Start()
	w.Advance(time.Second)
	return w
}

func (w *world) startAgent() {
	w.t.Helper()
	var err error
	if w.agent, err = runtime.Spawn(w.Node(agentAddr), "slave(1)", &executortest.Agent{}); err != nil {
		w.t.Fatal(err)
	}
}

// tell makes the agent do f, and lets a second pass.
func (w *world) tell(f func(*executortest.Agent)) {
	runtime.Tell(w.agent, f)
	w.Advance(time.Second)
}

func (w *world) heard(want ...string) {
	w.t.Helper()
	if got := strings.Join(w.executor.Heard, "\n"); got != strings.Join(want, "\n") {
		w.t.Errorf("the executor heard\n%s\nwant\n%s\n%s", got, strings.Join(want, "\n"), w.Log())
	}
}

func task(id ids.Task) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{Name: proto.String(string(id)), TaskId: id.Proto(), SlaveId: ids.Agent("a1").Proto()}
}

func status(id ids.Task, state mesospb.TaskState) *mesospb.TaskStatus {
	return &mesospb.TaskStatus{TaskId: id.Proto(), State: state.Enum()}
}

var (
	uuids     = regexp.MustCompile(`uuid=(0x[0-9a-f]{32}|"[^"]*")`)
	times     = regexp.MustCompile(`timestamp=[0-9.e+]+`)
	fractions = regexp.MustCompile(`(?m)^( *[0-9]+)\.[0-9]+ `)
)

// golden compares the conversation, with times in seconds, and the callbacks with testdata/<name>.txt.
func (w *world) golden(name string) {
	w.t.Helper()
	log := fractions.ReplaceAllString(w.Log(), "${1}s")
	log = uuids.ReplaceAllString(times.ReplaceAllString(log, "timestamp=…"), "uuid=…")
	got := log + "callbacks\n  " + strings.Join(w.executor.Heard, "\n  ") + "\n"
	runtimetest.Golden(w.t, name, got)
}

// An executor registers, runs a task, exchanges messages with the scheduler, and is shut down.
func TestLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.executor.OnLaunch = func(d *executor.Driver, task *mesospb.TaskInfo) {
		d.SendStatusUpdate(&mesospb.TaskStatus{TaskId: task.GetTaskId(), State: mesospb.TaskState_TASK_RUNNING.Enum()})
	}
	w.executor.OnShutdown = func(d *executor.Driver) { d.Stop() }
	w.tell(func(a *executortest.Agent) { a.Run(task("t1")) })
	w.tell(func(a *executortest.Agent) {
		a.Send(a.Executor, &internalpb.FrameworkToExecutorMessage{
			SlaveId: ids.Agent("a1").Proto(), FrameworkId: ids.Framework("f1").Proto(), ExecutorId: ids.Executor("x1").Proto(), Data: []byte("hello"),
		})
		a.Kill("t1", nil)
	})
	w.driver.SendFrameworkMessage([]byte("hello yourself"))
	w.driver.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_KILLED))
	w.Advance(time.Second)
	w.tell(func(a *executortest.Agent) { a.Shutdown() })
	w.Advance(time.Minute)
	if w.died {
		t.Error("the executor stopped in time and was killed all the same")
	}
	w.golden("life")
}

// A restarted agent is sent exactly the updates and tasks that it has not acknowledged.
func TestAgentRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(e *executor.Environment) { e.Checkpoint = true })
	w.tell(func(a *executortest.Agent) { a.Run(task("known")) })
	w.driver.SendStatusUpdate(status("known", mesospb.TaskState_TASK_RUNNING))
	w.Advance(time.Second)
	w.tell(func(a *executortest.Agent) {
		a.Mute = true
		a.Run(task("t1"))
		a.Run(task("t2"))
	})
	w.driver.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_RUNNING))
	w.Advance(time.Second)
	w.Crash(agentAddr)
	w.Advance(time.Minute)
	w.driver.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_FINISHED))
	w.startAgent()
	w.tell(func(a *executortest.Agent) {
		a.Send(w.driver.PID(), &internalpb.ReconnectExecutorMessage{SlaveId: ids.Agent("a1").Proto()})
	})
	told, err := sim.Await(w.World, runtime.Dispatch(w.agent, func(a *executortest.Agent) string {
		var b strings.Builder
		for _, u := range a.Reregistered.GetUpdates() {
			b.WriteString(u.GetStatus().GetTaskId().GetValue() + " " + u.GetStatus().GetState().String() + ", ")
		}
		for _, k := range a.Reregistered.GetTasks() {
			b.WriteString("task " + k.GetTaskId().GetValue() + ", ")
		}
		return b.String()
	}), time.Second)
	if want := "t1 TASK_RUNNING, t1 TASK_FINISHED, task t1, task t2, "; err != nil || told != want {
		t.Errorf("told %q, %v; want %q", told, err, want)
	}
	w.Advance(time.Hour)
	w.heard("registered x1 on host", "launch known", "acknowledged known TASK_RUNNING", "launch t1", "launch t2", "disconnected", "reregistered on host")
	if w.died {
		t.Error("the agent came back in time and the executor was killed all the same")
	}
}

// An agent that does not come back ends its executors: after the recovery timeout with checkpointing, at once without.
// An executor that does not stop is killed after the grace period.
func TestAgentGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		checkpoint bool
		shutdown   time.Duration
		heard      []string
	}{
		"with checkpointing":    {true, 15 * time.Minute, []string{"registered x1 on host", "disconnected", "shutdown"}},
		"without checkpointing": {false, 0, []string{"registered x1 on host", "shutdown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(e *executor.Environment) { e.Checkpoint = c.checkpoint })
			w.Crash(agentAddr)
			w.Advance(c.shutdown)
			w.Advance(time.Second)
			w.heard(c.heard...)
			w.Advance(3 * time.Second)
			if w.died {
				t.Error("killed within the grace period")
			}
			w.Advance(2 * time.Second)
			if !w.died {
				t.Error("the grace period is over, but the executor was not killed")
			}
		})
	}
}

// Before registration only a shutdown counts; after Abort nothing does.
func TestIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tell(func(a *executortest.Agent) {
		a.Run(task("t1"))
		a.Run(task("t1"))
	})
	w.driver.Abort()
	w.tell(func(a *executortest.Agent) {
		a.Run(task("t2"))
		a.Kill("t1", nil)
		a.Shutdown()
	})
	w.Advance(time.Minute)
	w.heard("registered x1 on host", "launch t1")
	if w.died || w.driver.Status() != executor.Aborted {
		t.Errorf("died %v, status %v", w.died, w.driver.Status())
	}
}

func TestParseEnvironment(t *testing.T) {
	t.Parallel()
	full := map[string]string{
		"MESOS_SLAVE_PID": "slave(1)@10.0.0.3:5051", "MESOS_SLAVE_ID": "a1", "MESOS_FRAMEWORK_ID": "f1", "MESOS_EXECUTOR_ID": "x1",
		"MESOS_DIRECTORY": "/d", "MESOS_CHECKPOINT": "1", "MESOS_RECOVERY_TIMEOUT": "1.5mins", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "100ms",
	}
	for _, c := range []struct{ name, variable, value, wrong string }{
		{name: "all there"},
		{name: "agent's PID", variable: "MESOS_SLAVE_PID", value: "slave(1)", wrong: "MESOS_SLAVE_PID"},
		{name: "recovery timeout", variable: "MESOS_RECOVERY_TIMEOUT", value: "15", wrong: "MESOS_RECOVERY_TIMEOUT"},
		{name: "socket", variable: "MESOS_DOMAIN_SOCKET", value: "/" + strings.Repeat("a", 107), wrong: "MESOS_DOMAIN_SOCKET"},
		{name: "grace period", variable: "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", value: "-5secs", wrong: "GRACE_PERIOD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := executor.ParseEnvironment(func(name string) (string, bool) {
				if name == c.variable {
					return c.value, true
				}
				v, ok := full[name]
				return v, ok
			})
			switch {
			case c.wrong == "" && (err != nil || e.Recovery != 90*time.Second || e.ShutdownGrace != 100*time.Millisecond || !e.Checkpoint):
				t.Errorf("got %+v, %v", e, err)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
				t.Errorf("got %v; want an error about %s", err, c.wrong)
			}
		})
	}
	_, err := executor.ParseEnvironment(func(string) (string, bool) { return "", false })
	for _, name := range []string{"MESOS_SLAVE_PID", "MESOS_SLAVE_ID", "MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_DIRECTORY"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
