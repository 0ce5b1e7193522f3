package executor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/executor/executortest"
)

// access is one row of what becomes of a message to an executor.
type access struct {
	what  proto.Message
	heard string // what follows if the agent says it; nothing follows if somebody else does
}

// rows are all messages that an executor handles, one of whose tasks runs and is not acknowledged.
func rows(u *internalpb.StatusUpdate) []access {
	f, x, agent := ids.Framework("f1").Proto(), ids.Executor("x1").Proto(), ids.Agent("a1").Proto()
	about := &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("test")}
	here := &mesospb.SlaveInfo{Hostname: proto.String("elsewhere")}
	return []access{
		{&internalpb.ExecutorRegisteredMessage{
			ExecutorInfo: &mesospb.ExecutorInfo{ExecutorId: x}, FrameworkId: f, FrameworkInfo: about, SlaveId: agent, SlaveInfo: here,
		}, "reregistered on elsewhere"},
		{&internalpb.ExecutorReregisteredMessage{SlaveId: agent, SlaveInfo: here}, "reregistered on elsewhere"},
		{&internalpb.ReconnectExecutorMessage{SlaveId: agent}, "reregistered on host"},
		{&internalpb.RunTaskMessage{FrameworkId: f, Framework: about, Task: task("t2")}, "launch t2"},
		{&internalpb.KillTaskMessage{FrameworkId: f, TaskId: ids.Task("t1").Proto()}, "kill t1"},
		{&internalpb.StatusUpdateAcknowledgementMessage{SlaveId: agent, FrameworkId: f, TaskId: ids.Task("t1").Proto(), Uuid: u.GetUuid()}, "acknowledged t1 TASK_RUNNING"},
		{&internalpb.FrameworkToExecutorMessage{SlaveId: agent, FrameworkId: f, ExecutorId: x, Data: []byte("hello")}, `message "hello"`},
		{&internalpb.ShutdownExecutorMessage{}, "shutdown"},
	}
}

// newAccessed returns an executor with a task.
func newAccessed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(e *executor.Environment) { e.Checkpoint = true })
	w.tell(func(a *executortest.Agent) { a.Mute = true; a.Run(task("t1")) })
	w.driver.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_RUNNING))
	w.Advance(time.Second)
	w.executor.Heard = nil
	return w
}

func (w *world) update() (u *internalpb.StatusUpdate) {
	w.tell(func(a *executortest.Agent) { u = a.Updates[0] })
	return u
}

// node returns the node of the executor.
func (w *world) node() *runtime.Node {
	all := w.Living()
	return all[slices.IndexFunc(all, func(n *runtime.Node) bool { return n.Addr() == executorAddr })]
}

// mute says what it is told to.
type mute struct{ runtime.Actor }

// An executor does what its agent says, and nothing that anybody else says, by any message.
func TestEveryMessage(t *testing.T) {
	t.Parallel()
	x := newAccessed(t)
	known := map[string]bool{}
	for _, row := range rows(x.update()) {
		known[string(row.what.ProtoReflect().Descriptor().FullName())] = true
	}
	for _, name := range x.node().Handlers(x.driver.PID()) {
		if !known[name] {
			t.Errorf("the table does not have %s", name)
		}
	}
	for i, row := range rows(x.update()) {
		for _, who := range []string{"another host", "another agent's name", "nobody", "the agent"} {
			t.Run(string(row.what.ProtoReflect().Descriptor().Name())+" by "+who, func(t *testing.T) {
				t.Parallel()
				w := newAccessed(t)
				w.say(rows(w.update())[i], who)
			})
		}
	}
}

// say has somebody send the message of a row, and checks what follows.
func (w *world) say(row access, who string) {
	w.t.Helper()
	to, before := w.driver.PID(), len(w.Log())
	speak := func(id, addr string) {
		s, err := runtime.Spawn(w.Node(addr), id, &mute{})
		if err != nil {
			w.t.Fatal(err)
		}
		runtime.Tell(s, func(s *mute) { s.Send(to, row.what) })
	}
	switch who {
	case "another host":
		speak("slave(1)", "10.0.0.9:5051")
	case "another agent's name":
		speak("slave(2)", "10.0.0.9:5051")
	case "nobody":
		w.node().Deliver(runtime.Envelope{To: to, Name: string(row.what.ProtoReflect().Descriptor().FullName()), Message: row.what})
	default:
		runtime.Tell(w.agent, func(a *executortest.Agent) { a.Send(to, row.what) })
	}
	w.Advance(time.Second)
	if who == "the agent" {
		w.heard(row.heard)
		return
	}
	w.heard()
	for line := range strings.Lines(w.Log()[before:]) {
		if strings.Contains(line, " "+to.String()+" ->") {
			w.t.Errorf("the executor says %s", line)
		}
	}
}
