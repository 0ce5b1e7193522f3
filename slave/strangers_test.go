package slave_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// Nobody but an executor reports about its tasks, or speaks to its scheduler: no stranger, no other executor, and nobody without
// an address.
func TestOnlyExecutorsReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Resources = "cpus:4;mem:4096;disk:8192" })
	mine, another := custom("mine", true, framework()), custom("other", true, framework())
	mine.Pid, another.Pid = nil, nil // the scheduler uses HTTP, so that it hears through the master
	w.say(mine)
	another.Task.Executor.ExecutorId = &mesospb.ExecutorID{Value: proto.String("x2")}
	w.say(another)
	w.states("mine", mesospb.TaskState_TASK_RUNNING)
	w.states("other", mesospb.TaskState_TASK_RUNNING)
	before := len(w.m.Messages)
	update := &internalpb.StatusUpdateMessage{Pid: proto.String(w.refs[0].PID().String()), Update: proto.CloneOf(w.m.Last("mine"))}
	update.Update.Status.State = mesospb.TaskState_TASK_FINISHED.Enum()
	update.Update.Uuid = []byte("0123456789abcdef")
	said := &internalpb.ExecutorToFrameworkMessage{
		SlaveId: update.Update.SlaveId, FrameworkId: update.Update.FrameworkId, ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}, Data: []byte("x"),
	}
	stranger, err := runtime.Spawn(w.Node("10.0.0.9:1"), "stranger", &mute{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []proto.Message{update, said} {
		runtime.Tell(stranger, func(s *mute) { s.Send(w.agent.PID(), m) })
		w.executor(1, func(x *slavetest.Executor) { x.Send(w.agent.PID(), m) })
		w.agentNode.Deliver(runtime.Envelope{To: w.agent.PID(), Name: string(m.ProtoReflect().Descriptor().FullName()), Message: m})
	}
	w.Advance(time.Second)
	w.states("mine", mesospb.TaskState_TASK_RUNNING)
	if n := len(w.m.Messages); n != before {
		t.Errorf("the scheduler heard %d messages", n-before)
	}
	for _, m := range []proto.Message{said, update} {
		w.executor(0, func(x *slavetest.Executor) { x.Send(w.agent.PID(), m) })
	}
	w.Advance(time.Second)
	w.states("mine", mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED)
	if n := len(w.m.Messages); n != before+1 {
		t.Errorf("of the executor, the scheduler heard %d messages", n-before)
	}
}
