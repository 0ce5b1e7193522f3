package slave_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// deliver puts messages of the master into the agent's queue, as if they had arrived just now.
func (w *world) deliver(messages ...proto.Message) {
	for _, m := range messages {
		w.agentNode.Deliver(runtime.Envelope{From: w.master.PID(), To: w.agent.PID(), Message: m})
	}
}

// A task whose container cannot be launched ends with the reason.
func TestContainerThatCannotBeLaunched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.containers.LaunchErr = errors.New("boom") })
	w.say(command("t1", framework()))
	w.states("t1", failed)
	w.reason("t1", mesospb.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED)
	if got := w.m.Last("t1").GetStatus().GetMessage(); got != "Failed to launch container: boom" {
		t.Errorf("the task failed because %q", got)
	}
	w.golden("launch-fails")
}

// A framework that is shut down while its sandbox is made gets no container, and one that is shut down while its container
// is launched keeps none.
func TestFrameworksThatAreShutDownEarly(t *testing.T) {
	t.Parallel()
	shutdown := &internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()}
	for golden, run := range map[string]func(*world){
		"shutdown-while-sandbox-is-made": func(w *world) { w.deliver(command("t1", framework()), shutdown) },
		"shutdown-while-container-is-launched": func(w *world) {
			w.containers.OnLaunch = func(containerizer.Launch) { w.deliver(shutdown) } // its executor never comes
			w.say(command("t1", framework()))
		},
	} {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			run(w)
			w.Advance(time.Second)
			w.idle()
			w.golden(golden)
			for _, s := range w.m.States("t1") {
				if s == mesospb.TaskState_TASK_RUNNING {
					t.Errorf("the task has run: %v", w.m.States("t1"))
				}
			}
		})
	}
}
