package slave_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/recovery"
	"meseta/slave/slavetest"
)

// rebirth kills the agent, has whatever happen while there is none, and starts another one.
func (w *world) rebirth(meanwhile func()) {
	w.t.Helper()
	w.Kill(agentAddr)
	w.Advance(time.Second)
	if meanwhile != nil {
		meanwhile()
	}
	w.startAgent()
}

// reregistered returns the only re-registration since the last call.
func (w *world) reregistered() *internalpb.ReregisterSlaveMessage {
	w.t.Helper()
	if len(w.m.Reregistered) != 1 {
		w.t.Fatalf("the agent re-registered %d times, want once\n%s", len(w.m.Reregistered), w.Log())
	}
	m := w.m.Reregistered[0]
	w.m.Reregistered = nil
	return m
}

// tasksOf lists the tasks in a re-registration, with their states.
func tasksOf(m *internalpb.ReregisterSlaveMessage) (all []string) {
	for _, t := range m.GetTasks() {
		all = append(all, t.GetTaskId().GetValue()+" "+t.GetState().String())
	}
	slices.Sort(all)
	return all
}

func (w *world) demandTasks(m *internalpb.ReregisterSlaveMessage, want ...string) {
	w.t.Helper()
	if got := tasksOf(m); !slices.Equal(got, want) {
		w.t.Errorf("the agent re-registers with %q, want %q", got, want)
	}
}

// Executors outlive their agent, and go on with the next one: their tasks are not lost, can be killed, and end only once.
func TestReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	other := framework(checkpointing, func(f *mesospb.FrameworkInfo) { f.Id.Value = proto.String("f2") })
	w.say(custom("t1", true, framework(checkpointing)), custom("t2", false, framework(checkpointing)), command("t3", other))
	w.rebirth(nil)
	w.Advance(time.Second)
	if got := w.answer("/state").Status; got != http.StatusServiceUnavailable {
		t.Errorf("an agent that recovers answers with %d", got)
	}
	if got := w.answer("/health").Status; got != http.StatusOK {
		t.Errorf("an agent that recovers is not healthy: %d", got)
	}
	if len(w.m.Reregistered) != 0 {
		t.Error("the agent re-registered before executors had their time to come back")
	}
	w.Advance(3 * time.Second)
	m := w.reregistered()
	w.demandTasks(m, "t1 TASK_RUNNING", "t2 TASK_RUNNING", "t3 TASK_RUNNING")
	if n, f := len(m.GetExecutorInfos()), len(m.GetFrameworks()); n != 1 || f != 2 {
		t.Errorf("the agent re-registers with %d executors and %d frameworks, want 1 and 2", n, f)
	}
	if got := w.answer("/state").Status; got != http.StatusOK {
		t.Errorf("the agent answers with %d", got)
	}
	w.say(kill("t1"))
	w.states("t1", running, killed)
	w.states("t2", running)
	for i, x := range w.executors {
		if x.Reconnected != 1 || x.Shutdowns != 0 {
			t.Errorf("executor %d was taken back %d times and told to end %d times", i, x.Reconnected, x.Shutdowns)
		}
	}
	if n := w.containers.Running(); n != 2 {
		t.Errorf("%d containers run, want 2", n)
	}
}

// Nothing is kept for frameworks without checkpointing: what is left of them ends.
func TestOrphans(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(command("t1", framework()))
	w.rebirth(nil)
	w.Advance(time.Second)
	w.idle()
	w.demandTasks(w.reregistered()) // at once, because there is nobody to wait for
}

// What happens to a task while there is no agent is told by its executor to the next one, in order; what only one of the
// earlier agent and the scheduler knows is sent again.
func TestUpdatesWhileDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	runtime.Tell(w.master, func(m *slavetest.Master) { m.Acknowledge = false })
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", mesospb.TaskState_TASK_KILLING) })
	w.rebirth(func() {
		w.executor(0, func(x *slavetest.Executor) { x.Report("t1", killed) })
	})
	w.Advance(4 * time.Second)
	w.demandTasks(w.reregistered(), "t1 TASK_KILLED")
	w.states("t1", running, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_KILLING)
	if a, b := w.m.Updates[1], w.m.Updates[2]; string(a.GetUuid()) != string(b.GetUuid()) {
		t.Error("the update that was not acknowledged is another one after the restart")
	}
	runtime.Tell(w.master, func(m *slavetest.Master) {
		m.Acknowledge = true
		m.Ack(m.Updates[2])
	})
	w.Advance(time.Second)
	w.states("t1", running, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_KILLING, killed)
	if n := len(w.executors[0].Acknowledged); n != 3 {
		t.Errorf("the executor got %d answers, want 3", n)
	}
	w.rebirth(nil)
	w.Advance(4 * time.Second)
	w.demandTasks(w.reregistered())
	w.states("t1", running, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_KILLING, killed)
}

// An executor that repeats what it has told the earlier agent gets its answers; the scheduler is not told again, and tasks do
// not go back to older states.
func TestRepeatedUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Doubtful = true } })
	w.say(custom("t1", true, framework(checkpointing)), custom("t2", false, framework(checkpointing)))
	w.executor(0, func(x *slavetest.Executor) {
		x.Report("t1", finished)
		x.Report("t2", mesospb.TaskState_TASK_KILLING)
	})
	before := len(w.executors[0].Acknowledged)
	w.rebirth(nil)
	w.Advance(4 * time.Second)
	w.demandTasks(w.reregistered(), "t2 TASK_KILLING")
	w.states("t1", running, finished)
	w.states("t2", running, mesospb.TaskState_TASK_KILLING)
	if n := len(w.executors[0].Acknowledged) - before; n != 4 {
		t.Errorf("the executor got %d answers, want 4", n)
	}
}

// An executor that does not come back in time is killed, and its tasks are lost.
//
// Recorded in golden/recovery/9-executor-silent-scheduler-events.txt and 18-staging-scheduler-events.txt.
func TestExecutorsThatDoNotComeBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shape func(*slavetest.Executor)
		f     *mesospb.FrameworkInfo
		want  mesospb.TaskState
	}{
		"estranged":                   {func(x *slavetest.Executor) { x.Estranged = true }, framework(checkpointing), mesospb.TaskState_TASK_GONE},
		"estranged, of old framework": {func(x *slavetest.Executor) { x.Estranged = true }, framework(checkpointing, old), lost},
		"not registered":              {func(x *slavetest.Executor) { x.Silent = true }, framework(checkpointing, old), lost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) { w.shape = c.shape })
			w.say(custom("t1", true, c.f))
			w.rebirth(nil)
			w.Advance(1900 * time.Millisecond)
			if w.containers.Running() != 1 {
				t.Error("the executor was not waited for")
			}
			w.Advance(3 * time.Second)
			w.idle()
			w.demandTasks(w.reregistered(), "t1 "+c.want.String())
			w.reason("t1", mesospb.TaskStatus_REASON_EXECUTOR_REREGISTRATION_TIMEOUT)
			if text := w.m.Last("t1").GetStatus().GetMessage(); text != "Executor did not reregister within 2secs" {
				t.Errorf("the master heard %q", text)
			}
		})
	}
}

// An executor that has ended while there was no agent is found to be gone.
//
// Recorded in golden/recovery/8-executor-killed-while-down-scheduler-events.txt and 6b-reboot-scheduler-events.txt.
func TestExecutorsThatAreGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		forget bool
		want   string
	}{
		"the containerizer knows it": {false, "Executor terminated"},
		"after a reboot":             {true, "Abnormal executor termination: unknown container"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.say(custom("t1", true, framework(checkpointing)))
			w.rebirth(func() {
				l := w.containers.Launched()[0]
				w.containers.EndWith(l.ID, &slavepb.ContainerTermination{})
				if c.forget {
					w.containers.Remove(l.ID)
				}
			})
			w.Advance(4 * time.Second)
			w.demandTasks(w.reregistered(), "t1 TASK_FAILED")
			w.reason("t1", mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED)
			if text := w.m.Last("t1").GetStatus().GetMessage(); text != c.want {
				t.Errorf("the master heard %q, want %q", text, c.want)
			}
		})
	}
}

// An executor that did not hear the first request to reconnect is asked again if the agent is configured so.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	for _, again := range []time.Duration{0, 500 * time.Millisecond} {
		w := newWorld(t, func(w *world) {
			w.config.ReregistrationRetry = again
			w.shape = func(x *slavetest.Executor) { x.Estranged = true }
		})
		w.say(custom("t1", true, framework(checkpointing)))
		w.rebirth(nil)
		w.Advance(time.Second / 4)
		runtime.Tell(w.refs[0], func(x *slavetest.Executor) { x.Estranged = false })
		w.Advance(4 * time.Second)
		if want := map[bool]int{true: 1}[again > 0]; w.executors[0].Reconnected != want || w.containers.Running() != want {
			t.Errorf("asked every %s: the executor came back %d times, want %d", again, w.executors[0].Reconnected, want)
		}
	}
}

// Nobody comes back in the place of an executor, whose address the agent has written down, neither as one that it has had nor as a
// new one. What the pretender says of tasks is not believed, and the executor itself is taken back.
func TestPretendersDoNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.config.ReregistrationRetry = 500 * time.Millisecond
		w.shape = func(x *slavetest.Executor) { x.Estranged = true }
	})
	w.say(custom("t1", true, framework(checkpointing)))
	finished := proto.CloneOf(w.m.Last("t1"))
	finished.Status.State, finished.Uuid = mesospb.TaskState_TASK_FINISHED.Enum(), ids.UUID{6: 0x40, 15: 9}.Bytes()
	w.rebirth(nil)
	w.Advance(time.Second / 4)
	pretenders := w.Node("10.0.0.3:1") // of the executor's own machine
	for name, m := range map[string]proto.Message{
		"again": &internalpb.ReregisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), Updates: []*internalpb.StatusUpdate{finished}},
		"anew":  &internalpb.RegisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()},
	} {
		ref, err := runtime.Spawn(pretenders, name, &mute{})
		if err != nil {
			t.Fatal(err)
		}
		runtime.Tell(ref, func(p *mute) { p.Send(w.agent.PID(), m) })
	}
	w.Advance(time.Second / 4)
	runtime.Tell(w.refs[0], func(x *slavetest.Executor) { x.Estranged = false })
	w.Advance(4 * time.Second)
	if x := w.executors[0]; x.Reconnected != 1 || x.Shutdowns != 0 || w.containers.Running() != 1 {
		t.Errorf("the executor was taken back %d times, told to end %d times, and %d run", x.Reconnected, x.Shutdowns, w.containers.Running())
	}
	w.states("t1", running)
}

// An executor whose process the agent's record does not name, because the record is empty, goes on if the containerizer knows
// the process. After a boot of the system it cannot: then no executor is asked.
//
// Recorded in golden/recovery/7-corrupt-checkpoints.txt, where a C++ agent shows the task as running, too.
func TestProcessNotRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		boot       string
		want       string
		reconnects int
	}{
		"same boot":    {"boot", "t1 TASK_RUNNING", 1},
		"another boot": {"another", "t1 TASK_FAILED", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.say(custom("t1", true, framework(checkpointing)))
			w.rebirth(func() {
				files, err := filepath.Glob(filepath.Join(w.dir, "meta/slaves/a1/frameworks/f1/executors/x1/runs/*-*/pids/forked.pid"))
				if err != nil || len(files) != 1 {
					t.Fatal(files, err)
				}
				if err := os.WriteFile(files[0], nil, 0o600); err != nil {
					t.Fatal(err)
				}
				w.system.Boot = c.boot
			})
			w.Advance(4 * time.Second)
			w.demandTasks(w.reregistered(), c.want)
			if n := w.executors[0].Reconnected; n != c.reconnects {
				t.Errorf("the executor was taken back %d times, want %d", n, c.reconnects)
			}
		})
	}
}

// A task that the earlier agent has written down and the executor has never seen is dropped.
func TestTasksThatNeverArrived(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Quiet = true } })
	w.say(custom("t1", true, framework(checkpointing)), custom("t2", false, framework(checkpointing)))
	w.rebirth(func() {
		w.executor(0, func(x *slavetest.Executor) { x.Forget("t2") })
	})
	w.Advance(4 * time.Second)
	w.demandTasks(w.reregistered(), "t1 TASK_STAGING", "t2 TASK_DROPPED")
	w.states("t1")
	w.states("t2", dropped)
	w.reason("t2", mesospb.TaskStatus_REASON_SLAVE_RESTARTED)
}

// An agent started with --recover=cleanup ends the executors of the earlier one and then itself. It never looks for a
// master, and the next agent has its ID and completed executors.
//
// Recorded in golden/recovery/4-cleanup-wire-timeline.txt.
func TestCleanup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.Kill(agentAddr)
	w.Advance(time.Second)
	w.config.Recover = recovery.Cleanup
	registrations := w.m.Registrations
	w.startAgent()
	w.Advance(10 * time.Second)
	w.idle()
	w.ended()
	if w.fatal != nil || w.executors[0].Shutdowns != 1 {
		t.Errorf("the executor was told to end %d times, and the agent ended with %v", w.executors[0].Shutdowns, w.fatal)
	}
	if len(w.m.Reregistered) != 0 || w.m.Registrations != registrations {
		t.Error("an agent that cleans up registers")
	}
	sentinels, err := filepath.Glob(filepath.Join(w.dir, "meta/slaves/a1/frameworks/f1/executors/x1/runs/*/executor.sentinel"))
	if err != nil || len(sentinels) == 0 {
		t.Errorf("there is no sentinel: %v", err)
	}
	w.Kill(agentAddr)
	w.config.Recover = recovery.Reconnect
	w.startAgent()
	w.Advance(time.Second) // without waiting for anybody
	m := w.reregistered()
	w.demandTasks(m)
	if len(m.GetCompletedFrameworks()) != 1 {
		t.Errorf("the next agent knows %d completed frameworks, want 1", len(m.GetCompletedFrameworks()))
	}
	w.states("t1", running)
}

// A drain goes on after a restart: tasks that still run are killed.
func TestDrainGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.executor(0, func(x *slavetest.Executor) { x.Deaf = true })
	w.say(&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{}})
	w.rebirth(func() { w.executor(0, func(x *slavetest.Executor) { x.Deaf = false }) })
	w.Advance(4 * time.Second)
	w.states("t1", running, killed)
	w.reason("t1", mesospb.TaskStatus_REASON_SLAVE_DRAINING)
}

// Damaged records are counted if reading is not strict.
func TestRecoveryErrorsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.measured()
		w.config.Strict = false
	})
	w.say(custom("t1", true, framework(checkpointing)))
	w.rebirth(func() {
		w.settled()
		infos, err := filepath.Glob(filepath.Join(w.dir, "meta/slaves/a1/frameworks/f1/executors/x1/runs/*/tasks/t1/task.info"))
		if err != nil || len(infos) == 0 {
			t.Fatalf("%v %v", infos, err)
		}
		for _, info := range infos {
			if err := os.WriteFile(info, []byte("\x03\x00\x00\x00junk"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	w.Advance(4 * time.Second)
	w.expectMetrics(map[string]float64{"slave/recovery_errors": 1})
}
