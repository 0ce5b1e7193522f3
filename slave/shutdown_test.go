package slave_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/slave"
	"meseta/slave/slavetest"
)

// An executor that does not end when it is asked to is killed after five seconds.
func TestGracePeriod(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Stubborn = true } })
	w.say(custom("t1", true, framework()))
	w.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
	w.Advance(3 * time.Second)
	if w.containers.Running() != 1 {
		t.Error("the executor did not get its grace period")
	}
	w.Advance(2 * time.Second)
	w.idle()
	w.states("t1", running, failed)
	w.exited(x1, 9)
}

// The executors of a framework end with it, and no updates of its tasks are sent.
func TestShutdownFramework(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()), command("t2", framework()))
	w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	w.idle()
	w.states("t1", running)
	w.states("t2", running)
	w.exited(x1, 0)
	for i, x := range w.executors {
		if x.Shutdowns != 1 {
			t.Errorf("executor %d was told to end %d times, want once", i, x.Shutdowns)
		}
	}
	w.say(custom("t3", true, framework())) // it may come back
	w.states("t3", running)
}

// On SIGUSR1 the agent unregisters, ends its executors, and then itself; the next one has its id.
func TestSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	latest := filepath.Join(w.dir, "meta/slaves/latest")
	if _, err := os.Lstat(latest); err != nil {
		t.Errorf("before the shutdown: %v", err)
	}
	runtime.Tell(w.agent, func(s *slave.Slave) { s.Shutdown("received SIGUSR1") })
	w.Advance(6 * time.Second)
	if w.m.Unregistered != 1 {
		t.Errorf("the agent unregistered %d times, want once", w.m.Unregistered)
	}
	w.idle()
	w.ended()
	if _, err := os.Lstat(latest); err != nil {
		t.Errorf("the agent forgets its ID: %v", err)
	}
	w.Crash(agentAddr)
	w.startAgent()
	w.Advance(3 * time.Second)
	if len(w.m.Reregistered) != 1 || ids.AgentOf(w.m.Reregistered[0].GetSlave().GetId()) != "a1" {
		t.Errorf("the next agent re-registered as %v", w.m.Reregistered)
	}
}

// ended demands that nothing of the agent is left on its node.
func (w *world) ended() {
	w.t.Helper()
	for _, pid := range w.agentNode.PIDs() {
		w.t.Errorf("%s still lives", pid)
	}
	if err := w.agentNode.Wait(context.Background(), w.agent.PID()); err != nil {
		w.t.Error(err)
	}
}

// An agent without frameworks ends at once, also when it has not registered.
func TestSignalBeforeRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Deaf = true })
	runtime.Tell(w.agent, func(s *slave.Slave) { s.Shutdown("received SIGUSR1") })
	w.Advance(time.Second)
	if w.m.Unregistered != 0 {
		t.Error("an agent that was never registered unregistered")
	}
	w.ended()
}

// Only the master can end an agent.
func TestShutdownByMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stranger, err := runtime.Spawn(w.Node("10.0.0.8:1"), "master", &slavetest.Master{Agent: w.agent.PID()})
	if err != nil {
		t.Fatal(err)
	}
	runtime.Tell(stranger, func(m *slavetest.Master) { m.Tell(&internalpb.ShutdownMessage{}) })
	w.Advance(time.Second)
	if len(w.agentNode.PIDs()) == 0 {
		t.Fatal("a stranger has ended the agent")
	}
	w.say(&internalpb.ShutdownMessage{})
	w.ended()
	if w.m.Unregistered != 0 {
		t.Error("the agent unregistered from a master that had told it to go")
	}
}
