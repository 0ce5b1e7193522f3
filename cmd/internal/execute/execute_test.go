package execute_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/execute"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/sched/schedtest"
)

var agentPID = runtime.PID{ID: "slave(1)", Addr: "10.0.0.3:5051"}

// world is a scheduler and a master that offers one cpu when it is told to.
type world struct {
	*sim.World
	master    runtime.Ref[*schedtest.Master]
	scheduler runtime.Ref[*execute.Scheduler]
	out       strings.Builder
	over      bool
	err       error
}

func newWorld(t *testing.T, wants string, change func(*execute.Config)) *world {
	t.Helper()
	w := &world{World: sim.New(1)}
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	var err error
	if w.master, err = runtime.Spawn(w.Node("10.0.0.1:5050"), "master", &schedtest.Master{FrameworkID: "f1"}); err != nil {
		t.Fatal(err)
	}
	want, err := resources.Parse(wants, "*")
	if err != nil {
		t.Fatal(err)
	}
	c := execute.Config{
		Tasks: []*mesospb.TaskInfo{{
			Name: proto.String("t1"), TaskId: ids.Task("t1").Proto(), SlaveId: ids.Agent("").Proto(),
			Command: &mesospb.CommandInfo{Value: proto.String("true")}, Resources: want.Proto(),
		}},
		Role: "*",
		Out:  &w.out,
		Over: func(err error) { w.over, w.err = true, err },
	}
	if change != nil {
		change(&c)
	}
	info := &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("test"), Hostname: proto.String("here")}
	if w.scheduler, _, err = execute.Start(w.Node("10.0.0.9:1"), info, "10.0.0.1:5050", c); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	w.tell(func(m *schedtest.Master) { m.Offer("o1", "a1", agentPID) })
	return w
}

// tell makes the master do f, and lets a second pass.
func (w *world) tell(f func(*schedtest.Master)) {
	runtime.Tell(w.master, f)
	w.Advance(time.Second)
}

func (w *world) update(state mesospb.TaskState) {
	w.tell(func(m *schedtest.Master) { m.Update("t1", state, "a1", agentPID, []byte("0123456789abcdef")) })
}

// called returns the number of calls of a type that the master got.
func (w *world) called(t schedulerpb.Call_Type) int {
	n, _ := sim.Await(w.World, runtime.Dispatch(w.master, func(m *schedtest.Master) int {
		n := 0
		for _, c := range m.Calls {
			if c.GetType() == t {
				n++
			}
		}
		return n
	}), time.Second)
	return n
}

func TestTaskEnds(t *testing.T) {
	t.Parallel()
	for state, success := range map[mesospb.TaskState]bool{
		mesospb.TaskState_TASK_FINISHED: true, mesospb.TaskState_TASK_FAILED: false, mesospb.TaskState_TASK_KILLED: false,
		mesospb.TaskState_TASK_LOST: false, mesospb.TaskState_TASK_ERROR: false,
	} {
		w := newWorld(t, "cpus:1", nil)
		w.update(mesospb.TaskState_TASK_RUNNING)
		if w.over {
			t.Fatal("over while the task runs")
		}
		w.update(state)
		if !w.over || (w.err == nil) != success {
			t.Errorf("%s: over %v, %v", state, w.over, w.err)
		}
		if want := "Received status update " + state.String() + " for task 't1'"; !strings.Contains(w.out.String(), want) {
			t.Errorf("printed\n%s\nwithout %q", w.out.String(), want)
		}
	}
}

func TestOfferWithoutRoomIsDeclined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cpus:2", nil)
	if w.called(schedulerpb.Call_DECLINE) != 1 || w.called(schedulerpb.Call_ACCEPT) != 0 {
		t.Error("an offer of one cpu was not declined by a task that wants two")
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cpus:1", nil)
	interrupt := func() {
		runtime.Tell(w.scheduler, (*execute.Scheduler).Interrupt)
		w.Advance(time.Second)
	}
	interrupt()
	if w.over || w.called(schedulerpb.Call_KILL) != 1 {
		t.Fatalf("over %v, kills %d", w.over, w.called(schedulerpb.Call_KILL))
	}
	w.update(mesospb.TaskState_TASK_KILLED)
	if !w.over || w.err == nil {
		t.Errorf("over %v, %v", w.over, w.err)
	}

	w = newWorld(t, "cpus:1", nil)
	interrupt()
	interrupt()
	if !w.over {
		t.Error("the second interrupt must not wait")
	}

	w = newWorld(t, "cpus:1", nil)
	interrupt()
	w.Advance(time.Minute)
	if !w.over {
		t.Error("a task whose end is never told is waited for without end")
	}
}

func TestKillAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cpus:1", func(c *execute.Config) { c.KillAfter = new(time.Minute) })
	w.update(mesospb.TaskState_TASK_RUNNING)
	w.Advance(58 * time.Second)
	if w.called(schedulerpb.Call_KILL) != 0 {
		t.Error("killed too soon")
	}
	w.Advance(2 * time.Second)
	if w.called(schedulerpb.Call_KILL) != 1 {
		t.Error("not killed")
	}
}

// A group needs room for its executor, and ends with the last of its tasks.
func TestGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cpus:0.5", func(c *execute.Config) {
		second := proto.CloneOf(c.Tasks[0])
		second.TaskId = ids.Task("t2").Proto()
		c.Tasks, c.Group = append(c.Tasks, second), true
	})
	if w.called(schedulerpb.Call_ACCEPT) != 0 {
		t.Error("an offer of one cpu was taken for two tasks of half a cpu and their executor")
	}
	update := func(task ids.Task, state mesospb.TaskState) {
		w.tell(func(m *schedtest.Master) { m.Update(task, state, "a1", agentPID, []byte("0123456789abcdef")) })
	}
	update("t1", mesospb.TaskState_TASK_FAILED)
	if w.over {
		t.Error("over with the first task of two")
	}
	update("t2", mesospb.TaskState_TASK_FINISHED)
	if !w.over || w.err == nil {
		t.Errorf("over %v, %v: the first task failed", w.over, w.err)
	}
}

// The executor of a group has the container that was asked for.
func TestGroupInContainer(t *testing.T) {
	t.Parallel()
	container := &mesospb.ContainerInfo{
		Type: mesospb.ContainerInfo_MESOS.Enum(), NetworkInfos: []*mesospb.NetworkInfo{{Name: proto.String("blue")}},
	}
	w := newWorld(t, "cpus:0.5", func(c *execute.Config) { c.Group, c.Container = true, container })
	bag, err := resources.Parse("cpus:1;mem:64;disk:64", "*")
	if err != nil {
		t.Fatal(err)
	}
	w.tell(func(m *schedtest.Master) {
		m.Send(m.Scheduler, &internalpb.ResourceOffersMessage{
			Offers: []*mesospb.Offer{{
				Id: ids.Offer("o2").Proto(), FrameworkId: ids.Framework("f1").Proto(), SlaveId: ids.Agent("a1").Proto(), Hostname: proto.String("host"),
				Resources: bag.Proto(),
			}},
			Pids: []string{agentPID.String()},
		})
	})
	executors, _ := sim.Await(w.World, runtime.Dispatch(w.master, func(m *schedtest.Master) (all []*mesospb.ExecutorInfo) {
		for _, c := range m.Calls {
			for _, op := range c.GetAccept().GetOperations() {
				all = append(all, op.GetLaunchGroup().GetExecutor())
			}
		}
		return all
	}), time.Second)
	if len(executors) != 1 || !proto.Equal(executors[0].GetContainer(), container) {
		t.Errorf("%v", executors)
	}
}
