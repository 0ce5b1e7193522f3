package slave_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// An executor that starts and is never heard of is killed after a minute, and its tasks fail.
func TestExecutorNeverRegisters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Silent = true } })
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	w.Advance(57 * time.Second)
	w.states("t1")
	w.Advance(3 * time.Second)
	w.states("t1", failed)
	w.states("t2", failed)
	w.reason("t1", mesospb.TaskStatus_REASON_EXECUTOR_REGISTRATION_TIMEOUT)
	if got := w.m.Last("t1").GetStatus().GetMessage(); got != "Executor did not register within 1mins" {
		t.Errorf("the framework was told %q", got)
	}
	w.exited(x1, 9)
	w.idle()
}

// exited demands that the master was told once of the end of an executor.
func (w *world) exited(id ids.Executor, status int32) {
	w.t.Helper()
	if len(w.m.Exited) != 1 || ids.ExecutorOf(w.m.Exited[0].GetExecutorId()) != id || w.m.Exited[0].GetStatus() != status {
		w.t.Errorf("the master heard of the end of executors: %v, want one of %s with status %d", w.m.Exited, id, status)
	}
}

// When an executor is killed, as by kill -9, its tasks fail and the master hears of both.
func TestExecutorDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t2", finished) })
	w.containers.End(w.containers.Launched()[0].ID, 9)
	w.Advance(time.Second)
	w.states("t1", running, failed)
	w.states("t2", running, finished)
	w.reason("t1", mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED)
	if source := w.m.Last("t1").GetStatus().GetSource(); source != mesospb.TaskStatus_SOURCE_SLAVE {
		t.Errorf("the source of the failure is %s", source)
	}
	w.exited(x1, 9)

	w.say(custom("t3", true, framework())) // the next one starts afresh
	w.states("t3", running)
	if n := len(w.executors); n != 2 {
		t.Errorf("%d executors were started, want 2", n)
	}
}

// The container knows best why it is over.
func TestContainerLimitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(command("t1", framework()))
	w.containers.EndWith(w.containers.Launched()[0].ID, &slavepb.ContainerTermination{
		Status: proto.Int32(9), Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY.Enum(),
		Message: proto.String("Memory limit exceeded"), LimitedResources: bag("mem:64"),
	})
	w.Advance(time.Second)
	w.states("t1", running, failed)
	w.reason("t1", mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY)
	if s := w.m.Last("t1").GetStatus(); s.GetMessage() != "Memory limit exceeded" || len(s.GetLimitation().GetResources()) != 1 {
		t.Errorf("the framework was told %v", s)
	}
}

// A container that cannot be started fails the tasks that wait for it.
func TestLaunchFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.containers.LaunchErr = errors.New("no such file") })
	w.say(custom("t1", true, framework()))
	w.states("t1", failed)
	w.reason("t1", mesospb.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED)
	if got := w.m.Last("t1").GetStatus().GetMessage(); got != "Failed to launch container: no such file" {
		t.Errorf("the framework was told %q", got)
	}
	w.idle()
}

// A sandbox that cannot be made drops the tasks that wait for it.
func TestSandboxFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.SwitchUser = true })
	nobody := framework(func(f *mesospb.FrameworkInfo) { f.User = proto.String("no-such-user") })
	w.say(custom("t1", true, nobody))
	w.states("t1", dropped)
	w.reason("t1", mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED)
	if got := w.m.Last("t1").GetStatus().GetMessage(); !strings.Contains(got, "no-such-user") {
		t.Errorf("the framework was told %q", got)
	}
}

// A container that cannot get what a task needs is killed, with all its tasks.
func TestUpdateFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Silent = true } })
	w.say(custom("t1", true, framework()))
	w.containers.UpdateErr = errors.New("no memory")
	w.executor(0, (*slavetest.Executor).Register)
	w.states("t1", mesospb.TaskState_TASK_GONE)
	w.reason("t1", mesospb.TaskStatus_REASON_CONTAINER_UPDATE_FAILED)
	w.idle()
}

// Executors that are not expected are shut down: unknown ones, those that are ending, and those of an earlier agent.
func TestUnexpectedExecutors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	stranger := &slavetest.Executor{AgentPID: w.agent.PID(), Agent: "a1", Framework: f1, ID: "x9"}
	twin := &slavetest.Executor{AgentPID: w.agent.PID(), Agent: "a1", Framework: f1, ID: x1}
	earlier := &slavetest.Executor{AgentPID: w.agent.PID(), Agent: "a1", Framework: f1, ID: "x0", Silent: true}
	n := w.Node("10.0.0.7:1")
	for name, x := range map[string]*slavetest.Executor{"stranger": stranger, "twin": twin, "earlier": earlier} {
		ref, err := runtime.Spawn(n, name, x)
		if err != nil {
			t.Fatal(err)
		}
		if x == earlier {
			runtime.Tell(ref, func(x *slavetest.Executor) {
				x.Send(x.AgentPID, &internalpb.ReregisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x.ID.Proto()})
			})
		}
	}
	w.Advance(time.Second)
	for _, x := range []*slavetest.Executor{stranger, twin, earlier} {
		if x.Shutdowns != 1 {
			t.Errorf("executor %s was told to end %d times, want once", x.ID, x.Shutdowns)
		}
	}
	w.states("t1", running)
}

// An executor whose only tasks were killed before it registered is not kept.
func TestExecutorWithoutTasks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Silent = true } })
	w.say(custom("t1", true, framework()))
	w.say(kill("t1"))
	w.states("t1", killed)
	w.reason("t1", mesospb.TaskStatus_REASON_TASK_KILLED_DURING_LAUNCH)
	w.executor(0, (*slavetest.Executor).Register)
	if w.executors[0].Shutdowns != 1 {
		t.Errorf("the executor was told to end %d times, want once", w.executors[0].Shutdowns)
	}
	w.idle()
}

// Messages go both ways between a scheduler and its executor, and nowhere else.
func TestMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	scheduler := &slavetest.Recorder{}
	if _, err := runtime.Spawn(w.Node("10.0.0.9:9000"), "scheduler", scheduler); err != nil {
		t.Fatal(err)
	}
	w.say(custom("t1", true, framework()))
	to := func(e ids.Executor) *internalpb.FrameworkToExecutorMessage {
		return &internalpb.FrameworkToExecutorMessage{
			SlaveId: ids.Agent("a1").Proto(), FrameworkId: f1.Proto(), ExecutorId: e.Proto(), Data: []byte("hello"),
		}
	}
	w.say(to(x1), to("x9"))
	w.executor(0, func(x *slavetest.Executor) { x.Say("straight") })
	w.say(&internalpb.UpdateFrameworkMessage{FrameworkId: f1.Proto(), Pid: proto.String("@0.0.0.0:0"), FrameworkInfo: framework()})
	w.executor(0, func(x *slavetest.Executor) { x.Say("through the master") })
	if got := strings.Join(w.executors[0].Messages, ","); got != "hello" {
		t.Errorf("the executor heard %q", got)
	}
	if got := strings.Join(scheduler.Messages, ","); got != "straight" {
		t.Errorf("the scheduler heard %q", got)
	}
	if got := strings.Join(w.m.Messages, ","); got != "through the master" {
		t.Errorf("the master heard %q", got)
	}
}

// A framework that comes back elsewhere and with another name is checkpointed as it is now.
func TestUpdatedFrameworkIsCheckpointed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(command("t1", framework(checkpointing)))
	moved := framework(checkpointing, func(f *mesospb.FrameworkInfo) { f.Name = proto.String("renamed") })
	w.say(&internalpb.UpdateFrameworkMessage{FrameworkId: f1.Proto(), Pid: proto.String("scheduler@10.0.0.9:9001"), FrameworkInfo: moved})
	all := w.left().Frameworks
	if len(all) != 1 || all[0].Info.GetName() != "renamed" || all[0].PID.String() != "scheduler@10.0.0.9:9001" {
		t.Errorf("the framework is checkpointed as %+v", all)
	}
}

// A framework that fails over is sent what it has not acknowledged. Others, which have not, are not.
func TestUpdatesOfAFrameworkThatFailsOverAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	named := func(id ids.Framework) *mesospb.FrameworkInfo {
		return framework(func(f *mesospb.FrameworkInfo) { f.Id = id.Proto() })
	}
	w.say(command("t1", named("f1")), command("t2", named("f2")))
	w.Advance(time.Second)
	before := len(w.m.Updates)
	w.say(&internalpb.UpdateFrameworkMessage{FrameworkId: ids.Framework("f2").Proto(), Pid: proto.String("scheduler@10.0.0.9:9001"), FrameworkInfo: named("f2")})
	var again []string
	for _, u := range w.m.Updates[before:] {
		again = append(again, u.GetStatus().GetTaskId().GetValue())
	}
	if want := []string{"t2"}; !slices.Equal(again, want) {
		t.Errorf("after %d updates those of %q are sent again, want %q", before, again, want)
	}
}
