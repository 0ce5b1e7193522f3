package slave_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/slavetest"
)

// An update is sent again after 10, 20, 40 seconds, until it is acknowledged; the next one waits for that.
func TestUpdatesAreSentUntilAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	w.say(custom("t1", true, framework()))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.states("t1", running)
	w.Advance(10 * time.Second)
	w.states("t1", running, running)
	w.Advance(20 * time.Second)
	w.states("t1", running, running, running)
	if n := len(w.executors[0].Acknowledged); n != 2 {
		t.Errorf("the executor was relieved of %d updates, want both", n)
	}
	if latest := w.m.Last("t1").GetLatestState(); latest != finished {
		t.Errorf("the latest state beside the update is %s, want %s", latest, finished)
	}
	w.acknowledge("t1")
	w.states("t1", running, running, running, finished)
	w.acknowledge("t1")
	w.Advance(time.Hour)
	w.states("t1", running, running, running, finished)
}

// A task that ends before its first updates are acknowledged ends for the master with the update that says so, unless
// those before have to be sent again: masters count a task by the status with which it ends.
func TestShortTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.m.Acknowledge = false
		w.shape = func(x *slavetest.Executor) { x.Quiet = true }
	})
	w.say(custom("t1", true, framework()))
	w.executor(0, func(x *slavetest.Executor) {
		x.Report("t1", mesospb.TaskState_TASK_STARTING)
		x.Report("t1", running)
		x.Report("t1", finished)
	})
	w.latest(mesospb.TaskState_TASK_STARTING)
	w.acknowledge("t1")
	w.latest(mesospb.TaskState_TASK_STARTING, running)
	w.Advance(10 * time.Second)
	w.latest(mesospb.TaskState_TASK_STARTING, running, finished)
	w.acknowledge("t1")
	w.latest(mesospb.TaskState_TASK_STARTING, running, finished, finished)
}

// latest demands what the master heard of t1's latest state, update by update.
func (w *world) latest(want ...mesospb.TaskState) {
	w.t.Helper()
	var got []mesospb.TaskState
	for _, u := range w.m.Updates {
		got = append(got, u.GetLatestState())
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the latest states beside the updates were %v, want %v", got, want)
	}
}

// acknowledge has the master acknowledge the last update of a task.
func (w *world) acknowledge(task ids.Task) {
	u := w.m.Last(task)
	w.say(&internalpb.StatusUpdateAcknowledgementMessage{
		SlaveId: u.GetSlaveId(), FrameworkId: u.GetFrameworkId(), TaskId: task.Proto(), Uuid: u.GetUuid(),
	})
}

// The same update twice is one, and is answered twice: the first answer may have been lost.
func TestDuplicateUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	w.executor(0, func(x *slavetest.Executor) {
		m := x.Report("t1", mesospb.TaskState_TASK_STARTING)
		x.Send(x.AgentPID, m)
	})
	w.states("t1", running, mesospb.TaskState_TASK_STARTING)
	if n := len(w.executors[0].Acknowledged); n != 3 {
		t.Errorf("the executor was answered %d times, want 3", n)
	}
}

// Acknowledgements of what was acknowledged already, of what was never sent and of unknown tasks change nothing.
func TestStaleAcknowledgements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	w.say(custom("t1", true, framework()))
	first := w.m.Last("t1")
	ack := func(task ids.Task, uuid []byte) *internalpb.StatusUpdateAcknowledgementMessage {
		return &internalpb.StatusUpdateAcknowledgementMessage{
			SlaveId: ids.Agent("a1").Proto(), FrameworkId: f1.Proto(), TaskId: task.Proto(), Uuid: uuid,
		}
	}
	w.say(ack("t1", []byte("0123456789abcdef")), ack("t1", []byte("short")), ack("t9", first.GetUuid()))
	w.Advance(9 * time.Second)
	w.states("t1", running, running) // still unacknowledged
	w.say(ack("t1", first.GetUuid()), ack("t1", first.GetUuid()))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.say(ack("t1", first.GetUuid()))
	w.states("t1", running, running, finished)
	w.Advance(10 * time.Second)
	w.states("t1", running, running, finished, finished)
}

// Of two ends of one task the first counts.
func TestFirstTerminalUpdateWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	w.executor(0, func(x *slavetest.Executor) {
		x.Report("t1", finished)
		x.Report("t1", failed)
	})
	w.states("t1", running, finished)
	if n := len(w.executors[0].Acknowledged); n != 4 {
		t.Errorf("the executor was answered %d times, want 4", n)
	}
}

// Updates that cannot be true are ignored, and an executor that claims to stage a task is ended.
func TestImpossibleUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	send := func(change func(*internalpb.StatusUpdate)) {
		w.executor(0, func(x *slavetest.Executor) {
			m := proto.CloneOf(&internalpb.StatusUpdateMessage{
				Pid: proto.String(x.Self().String()),
				Update: &internalpb.StatusUpdate{
					FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), SlaveId: ids.Agent("a1").Proto(), Timestamp: proto.Float64(1),
					Uuid:   ids.NewUUID(x.Rand()).Bytes(),
					Status: &mesospb.TaskStatus{TaskId: ids.Task("t1").Proto(), SlaveId: ids.Agent("a1").Proto(), State: finished.Enum()},
				},
			})
			change(m.Update)
			x.Send(x.AgentPID, m)
		})
	}
	send(func(u *internalpb.StatusUpdate) { u.Uuid = nil })
	send(func(u *internalpb.StatusUpdate) { u.Uuid = []byte("short") })
	send(func(u *internalpb.StatusUpdate) { u.SlaveId = ids.Agent("a0").Proto() })
	send(func(u *internalpb.StatusUpdate) { u.Status.SlaveId = nil })
	send(func(u *internalpb.StatusUpdate) { u.FrameworkId = ids.Framework("f9").Proto() })
	w.states("t1", running)
	send(func(u *internalpb.StatusUpdate) { u.Status.State = mesospb.TaskState_TASK_STAGING.Enum() })
	if w.executors[0].Shutdowns != 1 {
		t.Errorf("the executor was told to end %d times, want once", w.executors[0].Shutdowns)
	}
	w.states("t1", running, failed)
}

// An executor may report a task that the agent has never seen: the master decides.
func TestUpdateOfUnknownTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t9", running) })
	w.states("t9", running)
}

// A task that ends gives back what it held.
func TestResourcesShrink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	var cpus []float64
	for _, r := range w.containers.Resources(w.containers.Launched()[0].ID) {
		if r.GetName() == "cpus" {
			cpus = append(cpus, r.GetScalar().GetValue())
		}
	}
	if want := []float64{0.1, 1}; !slices.Equal(cpus, want) {
		t.Errorf("the container holds cpus %v, want those of the executor and of one task: %v", cpus, want)
	}
}

// Updates wait while no master leads; the next master gets them at once.
func TestUpdatesWaitForAMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	w.leader.Appoint(nil)
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.Advance(time.Hour)
	w.states("t1", running)
	w.leader.Appoint(w.leaderInfo())
	w.Advance(3 * time.Second)
	w.states("t1", running, finished)
	if n := len(w.m.Reregistered); n != 1 {
		t.Fatalf("the agent re-registered %d times, want once", n)
	}
	tasks := w.m.Reregistered[0].GetTasks()
	if len(tasks) != 1 || tasks[0].GetState() != finished || tasks[0].GetStatusUpdateState() != running {
		t.Errorf("the agent re-registered with tasks %v", tasks)
	}
	if n := len(w.m.Reregistered[0].GetExecutorInfos()); n != 1 {
		t.Errorf("the agent re-registered with %d executors, want 1", n)
	}
}
