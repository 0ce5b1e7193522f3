package slave_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/slave"
	"meseta/slave/slavetest"
)

// alive demands that the agent has not given up.
func (w *world) alive() {
	w.t.Helper()
	if w.fatal != nil {
		w.t.Errorf("the agent gave up: %v", w.fatal)
	}
	w.consistent()
}

// consistent demands that the indexes of the agent's book agree.
func (w *world) consistent() {
	w.t.Helper()
	if wrong, err := sim.Await(w.World, runtime.Dispatch(w.agent, func(s *slave.Slave) error { return s.Book().Check() }), 0); err != nil || wrong != nil {
		w.t.Errorf("the book: %v, %v", wrong, err)
	}
}

// pending returns the tasks with updates that were not acknowledged.
func (w *world) pending() []ids.Task {
	w.t.Helper()
	pending := runtime.Flatten(runtime.Dispatch(w.agent, func(s *slave.Slave) runtime.Future[[]ids.Task] {
		return runtime.Dispatch(s.Updates(), (*statusupdate.StatusUpdateManager).Unacknowledged)
	}))
	tasks, err := sim.Await(w.World, pending, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return tasks
}

// An executor reports a task before the agent is given it. When it comes, in a framework that wants checkpoints, its
// updates are another stream than the one that the report has begun; the agent goes on, and the scheduler hears of it.
func TestTaskWasReportedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	w.say(custom("t1", true, framework(checkpointing)))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t2", running) })
	w.say(custom("t2", false, framework(checkpointing)))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t2", finished) })
	w.alive()
	for range 3 {
		w.acknowledge("t2")
	}
	if last := w.m.Last("t2").GetStatus().GetState(); last != finished {
		t.Errorf("the master heard at last that t2 is %s, want %s", last, finished)
	}
}

// An executor may end tasks of a group that it was not sent; the rest of the group cannot run without them.
func TestExecutorEndsPartOfItsGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	w.say(group(framework(), "t1", "t2", "t3"))
	c := w.client(mediatype.JSON)
	c.subscribe(&executorpb.Call_Subscribe{
		UnacknowledgedUpdates: []*executorpb.Call_Update{{Status: c.status("t2", finished)}},
	})
	w.Advance(10 * time.Second)
	w.states("t2", finished)
	w.states("t1", killed)
	w.states("t3", killed)
	w.idle()
}

// A master that names a task twice in a group is not obeyed.
func TestGroupWithATaskTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	w.say(group(framework(), "t1", "t1"))
	if n := len(w.containers.Launched()); n != 0 {
		t.Errorf("%d containers were launched", n)
	}
}

// An executor may not report some states: those of a task that has not been launched, and those that only a master
// can know. An executor of v0 that claims one is ended, and one that speaks HTTP is refused.
func TestStatesThatExecutorsMayNotReport(t *testing.T) {
	t.Parallel()
	for _, state := range []mesospb.TaskState{
		mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_UNREACHABLE, mesospb.TaskState_TASK_UNKNOWN,
		mesospb.TaskState_TASK_GONE_BY_OPERATOR,
	} {
		t.Run(state.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.say(custom("t1", true, framework()))
			w.executor(0, func(x *slavetest.Executor) { x.Report("t9", state) })
			w.states("t9")
			w.executor(0, func(x *slavetest.Executor) { x.Report("t1", state) })
			w.states("t1", running, failed)
		})
		t.Run(state.String()+" over HTTP", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, silent)
			w.say(custom("t1", true, framework()))
			c := w.client(mediatype.JSON)
			c.subscribe(&executorpb.Call_Subscribe{})
			r := c.call(executorpb.Call_UPDATE, func(call *executorpb.Call) {
				call.Update = &executorpb.Call_Update{Status: c.status("t1", state)}
			})
			want := "Failed to validate Executor::Call: Received " + state.String() + " from executor x1 of framework f1 which is not allowed"
			if r.Status != http.StatusBadRequest || string(r.Body) != want {
				t.Errorf("answered %d %q, want %q", r.Status, r.Body, want)
			}
			c.subscribe(&executorpb.Call_Subscribe{
				UnacknowledgedUpdates: []*executorpb.Call_Update{{Status: c.status("t1", state)}},
			})
			w.Advance(time.Second)
			if slices.Contains(w.m.States("t1"), state) {
				t.Errorf("the master heard %v", w.m.States("t1"))
			}
		})
	}
}

// An update whose UUID is none is refused at once. Masters ignore such an update, so that it would be sent to them for as long as the
// agent lives, and what the executor reports afterwards never.
func TestUUIDsThatAreNone(t *testing.T) {
	t.Parallel()
	t.Run("v0", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.say(custom("t1", true, framework()))
		w.executor(0, func(x *slavetest.Executor) {
			m := proto.CloneOf(x.Report("t1", mesospb.TaskState_TASK_KILLING))
			m.Update.Status.State, m.Update.Uuid = failed.Enum(), make([]byte, 16)
			x.Send(x.AgentPID, m)
			x.Report("t1", killed)
		})
		w.states("t1", running, mesospb.TaskState_TASK_KILLING, killed)
	})
	t.Run("HTTP", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, silent)
		w.say(custom("t1", true, framework()))
		c := w.client(mediatype.JSON)
		c.subscribe(&executorpb.Call_Subscribe{})
		none := c.status("t1", running)
		none.Uuid = make([]byte, 16)
		r := c.call(executorpb.Call_UPDATE, func(call *executorpb.Call) { call.Update = &executorpb.Call_Update{Status: none} })
		if want := "Failed to validate Executor::Call: Not a valid UUID"; r.Status != http.StatusBadRequest || string(r.Body) != want {
			t.Errorf("answered %d %q, want %q", r.Status, r.Body, want)
		}
		c.call(executorpb.Call_UPDATE, func(call *executorpb.Call) { call.Update = &executorpb.Call_Update{Status: c.status("t1", killed)} })
		w.Advance(time.Second)
		w.states("t1", killed)
	})
}

// Messages without a sender are ignored: there is no peer to admit or to shut down.
func TestMessagesWithoutSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Silent = true } })
	w.say(custom("t1", true, framework()))
	for _, m := range []proto.Message{
		&internalpb.RegisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()},
		&internalpb.RegisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: ids.Executor("x9").Proto()},
		&internalpb.ReregisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()},
	} {
		w.agentNode.Deliver(runtime.Envelope{To: w.agent.PID(), Message: m})
		w.Settle()
	}
	w.executor(0, (*slavetest.Executor).Register)
	w.states("t1", running)
}

// Ids become names of files. What no file can be called is refused, whatever the master says.
func TestIDsThatAreNoFileNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for _, id := range []string{long, "..", "a/b", "a\x00b"} {
		for name, launch := range map[string]*internalpb.RunTaskMessage{
			"task":      command(ids.Task(id), framework(checkpointing)),
			"framework": command("t1", framework(checkpointing, func(f *mesospb.FrameworkInfo) { f.Id = ids.Framework(id).Proto() })),
			"executor":  custom("t1", true, framework(checkpointing)),
		} {
			t.Run(fmt.Sprintf("%s %.5q", name, id), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nil)
				if name == "executor" {
					launch.Task.Executor.ExecutorId = ids.Executor(id).Proto()
				}
				w.say(launch)
				w.alive()
				if n := len(w.containers.Launched()); n != 0 {
					t.Errorf("%d containers were launched", n)
				}
				if task := ids.TaskOf(launch.GetTask().GetTaskId()); name != "framework" {
					w.states(task, dropped)
					w.reason(task, mesospb.TaskStatus_REASON_TASK_INVALID)
				}
			})
		}
	}
}

// A master that calls a registered agent by another name, or by one that is none, is not believed.
func TestMasterRenamesTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(&internalpb.SlaveRegisteredMessage{SlaveId: ids.Agent("a2").Proto()},
		&internalpb.SlaveReregisteredMessage{SlaveId: ids.Agent("a2").Proto()})
	w.alive()
	w.say(command("t1", framework()))
	w.states("t1", running)
	w = newWorld(t, func(w *world) { w.m.Deaf = true })
	w.say(&internalpb.SlaveRegisteredMessage{SlaveId: ids.Agent("../a2").Proto()},
		&internalpb.SlaveReregisteredMessage{SlaveId: ids.Agent("a2").Proto()})
	w.alive()
	runtime.Tell(w.master, func(m *slavetest.Master) { m.Deaf = false })
	w.Advance(time.Minute)
	w.say(command("t1", framework()))
	w.states("t1", running)
}

// A framework that is torn down takes its updates with it, also those of tasks that were refused, when nothing of the
// framework is here any more.
func TestUpdatesOfATornDownFramework(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge, w.m.PingTimeout = false, 1e8 })
	w.say(command("t1", framework()), kill("t1"))
	w.say(custom("t2", false, framework())) // there is no executor
	w.executor(0, func(x *slavetest.Executor) { x.Died(); x.Terminate() })
	if got := w.pending(); len(got) == 0 {
		t.Fatal("nothing is pending")
	}
	w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	n := len(w.m.Updates)
	w.Advance(3 * time.Hour)
	if got := w.pending(); len(got) != 0 || len(w.m.Updates) != n {
		t.Errorf("updates of %v are pending, and %d were sent", got, len(w.m.Updates)-n)
	}
}

// A framework that ends while its agent is away is not heard of again: what the agent has to say of frameworks that have
// nothing here is forgotten when it re-registers, since the master then asks for what it misses.
func TestUpdatesOfAForgottenFramework(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge, w.m.PingTimeout = false, 1e8 })
	w.say(custom("t1", false, framework()))
	w.states("t1", dropped)
	w.m.Reconciliations = []*internalpb.ReconcileTasksMessage{{
		FrameworkId: ids.Framework("f2").Proto(), Framework: framework(),
		Statuses: []*mesospb.TaskStatus{{TaskId: ids.Task("t2").Proto(), State: running.Enum()}},
	}}
	w.say(&internalpb.PingSlaveMessage{Connected: proto.Bool(false)})
	w.Advance(3 * time.Second)
	if got := w.pending(); !slices.Equal(got, []ids.Task{"t2"}) {
		t.Errorf("updates of %v are pending, want t2's", got)
	}
	w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: ids.Framework("f2").Proto()})
	if got := w.pending(); len(got) != 0 {
		t.Errorf("updates of %v are pending", got)
	}
}

// Numbers of a master that are none do not keep an agent from its work.
func TestPingTimeoutsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, seconds := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 1e300} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.say(&internalpb.SlaveRegisteredMessage{SlaveId: ids.Agent("a1").Proto(), Connection: &internalpb.MasterSlaveConnection{
				TotalPingTimeoutSeconds: proto.Float64(seconds),
			}}, &internalpb.PingSlaveMessage{Connected: proto.Bool(true)})
			w.Advance(3 * time.Second)
			if n := len(w.m.Reregistered); n > 3 {
				t.Errorf("the agent re-registered %d times", n)
			}
			w.say(command("t1", framework()))
			w.states("t1", running)
		})
	}
}
