package slave_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

const (
	running  = mesospb.TaskState_TASK_RUNNING
	finished = mesospb.TaskState_TASK_FINISHED
	failed   = mesospb.TaskState_TASK_FAILED
	killed   = mesospb.TaskState_TASK_KILLED
	dropped  = mesospb.TaskState_TASK_DROPPED
	lost     = mesospb.TaskState_TASK_LOST
)

// A command task runs to its end, and the framework is torn down.
func TestLifeOfACommandTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(command("t1", framework()))
	w.states("t1", running)
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.states("t1", running, finished)
	w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	w.idle()
	if len(w.m.Exited) != 0 {
		t.Errorf("the master was told of the end of a command executor, which it does not know: %v", w.m.Exited)
	}
	w.golden("command")
}

// The first task of a custom executor starts it; tasks wait until it has registered, and arrive in order.
func TestTasksWaitForTheirExecutor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Silent = true } })
	w.say(custom("t1", true, framework()), custom("t2", false, framework()), custom("t3", false, framework()))
	if n := len(w.executors); n != 1 {
		t.Fatalf("%d executors were started, want 1", n)
	}
	w.states("t1")
	w.executor(0, (*slavetest.Executor).Register)
	var got []string
	for _, task := range w.executors[0].Tasks {
		got = append(got, task.GetTaskId().GetValue())
	}
	if want := []string{"t1", "t2", "t3"}; !slices.Equal(got, want) {
		t.Errorf("the executor was given %v, want %v", got, want)
	}
	for _, id := range []ids.Task{"t1", "t2", "t3"} {
		w.states(id, running)
	}
	cpus, _ := resources.FromValid(w.containers.Resources(w.containers.Launched()[0].ID)).Scalar("cpus")
	if cpus.Float() != 3.1 {
		t.Errorf("the container has %v cpus, want those of three tasks and the executor: 3.1", cpus)
	}
}

// What the master believes of executors is compared with what is true, and launches that rest on an error are refused.
func TestRefusedLaunches(t *testing.T) {
	t.Parallel()
	with := func(change func(*internalpb.RunTaskMessage)) func() proto.Message {
		return func() proto.Message {
			m := custom("t9", true, framework())
			change(m)
			return m
		}
	}
	for _, c := range []struct {
		name    string
		before  func() proto.Message
		launch  func() proto.Message
		state   mesospb.TaskState
		reason  mesospb.TaskStatus_Reason
		message string
		exited  int // how often the master is told that the executor is not there
	}{
		{
			name: "resources have changed since they were offered",
			launch: with(func(m *internalpb.RunTaskMessage) {
				m.ResourceVersionUuids = []*internalpb.ResourceVersionUUID{{Uuid: &mesospb.UUID{Value: []byte("0123456789abcdef")}}}
			}),
			state: dropped, reason: mesospb.TaskStatus_REASON_INVALID_OFFERS, message: "outdated", exited: 1,
		},
		{
			name:   "a framework that is not partition-aware hears TASK_LOST",
			launch: with(func(m *internalpb.RunTaskMessage) { m.Framework, m.LaunchExecutor = framework(old), proto.Bool(false) }),
			state:  lost, reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, message: "No executor is expected to launch",
		},
		{
			name:   "the executor is there already",
			before: func() proto.Message { return custom("t1", true, framework()) },
			launch: func() proto.Message { return custom("t9", true, framework()) },
			state:  dropped, reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, message: "one already exists", exited: 1,
		},
		{
			name:   "a command task has the name of an executor",
			before: func() proto.Message { return custom("t1", true, framework()) },
			launch: func() proto.Message {
				m := command("x1", framework())
				m.Task.TaskId = ids.Task("x1").Proto()
				return m
			},
			state: dropped, reason: mesospb.TaskStatus_REASON_TASK_INVALID, message: "Cannot reuse",
		},
		{
			name: "limits cannot be enforced",
			launch: with(func(m *internalpb.RunTaskMessage) {
				m.Task.Limits = map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(2)}}
			}),
			state: dropped, reason: mesospb.TaskStatus_REASON_GC_ERROR, message: "limits", exited: 1,
		},
		{
			name: "a dynamic reservation is unknown",
			launch: with(func(m *internalpb.RunTaskMessage) {
				m.Task.Resources[0].Reservations = []*mesospb.Resource_ReservationInfo{{
					Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("web"),
				}}
			}),
			state: dropped, reason: mesospb.TaskStatus_REASON_RESOURCES_UNKNOWN, message: "unknown to the agent", exited: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			task := ids.Task("t9")
			if c.before != nil {
				w.say(c.before())
			}
			launch := c.launch()
			if m, ok := launch.(*internalpb.RunTaskMessage); ok {
				task = ids.TaskOf(m.GetTask().GetTaskId())
			}
			w.say(launch)
			w.states(task, c.state)
			w.reason(task, c.reason)
			if text := w.m.Last(task).GetStatus().GetMessage(); !strings.Contains(text, c.message) {
				t.Errorf("the framework was told %q, want a word of %q", text, c.message)
			}
			if len(w.m.Exited) != c.exited {
				t.Errorf("the master was told of %d executors that are not there, want %d", len(w.m.Exited), c.exited)
			}
		})
	}
}

// Launches that are not this agent's business are ignored.
func TestIgnoredLaunches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	other := command("t1", framework())
	other.Task.SlaveId = ids.Agent("a0").Proto()
	nameless := command("t2", framework(func(f *mesospb.FrameworkInfo) { f.Id = nil }))
	both := command("t3", framework())
	both.Task.Executor = custom("t3", true, framework()).Task.Executor
	w.say(other, nameless, both)
	stranger, err := runtime.Spawn(w.Node("10.0.0.8:1"), "master", &slavetest.Master{Agent: w.agent.PID()})
	if err != nil {
		t.Fatal(err)
	}
	runtime.Tell(stranger, func(m *slavetest.Master) { m.Tell(command("t4", framework())) })
	w.Advance(time.Second)
	if n := len(w.containers.Launched()); n != 0 {
		t.Errorf("%d containers were launched", n)
	}
	if len(w.m.Updates) != 0 {
		t.Errorf("updates were sent: %v", w.m.Updates)
	}
}

// A task that is here is not launched again, whatever state it is in.
func TestDuplicateLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	w.say(custom("t1", true, framework()), custom("t1", false, framework()))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.say(custom("t1", false, framework()))
	if n := len(w.executors[0].Tasks); n != 1 {
		t.Errorf("the executor was given the task %d times", n)
	}
	w.states("t1", running)
}

// An executor finds what it must know in its environment.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Environment = map[string]string{"JAVA_HOME": "/java"} })
	w.say(custom("t1", true, framework(checkpointing)))
	l := w.containers.Launched()[0]
	run := filepath.Join(w.dir, "slaves/a1/frameworks/f1/executors/x1/runs", string(l.ID))
	for name, want := range map[string]string{
		"MESOS_SLAVE_PID": "slave(1)@" + agentAddr, "MESOS_SLAVE_ID": "a1", "MESOS_AGENT_ENDPOINT": agentAddr,
		"MESOS_FRAMEWORK_ID": "f1", "MESOS_EXECUTOR_ID": "x1", "MESOS_DIRECTORY": run, "MESOS_CHECKPOINT": "1",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs", "MESOS_RECOVERY_TIMEOUT": "15mins",
		"MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs", "LIBPROCESS_PORT": "0", "JAVA_HOME": "/java",
	} {
		if got := l.Environment[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if info, err := os.Stat(run); err != nil || !info.IsDir() {
		t.Errorf("there is no sandbox: %v", err)
	}
	if latest, err := os.Readlink(filepath.Join(run, "../latest")); err != nil || latest != run {
		t.Errorf("the latest run is %q (%v), want %q", latest, err, run)
	}
}
