package slave_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

func (w *world) leaderInfo() *mesospb.MasterInfo {
	return election.MasterInfo(runtime.PID{ID: "master", Addr: masterAddr})
}

// An agent that is not answered registers again, ever less often: within a minute from some point on.
func TestRegistrationBackoff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Deaf = true })
	w.Advance(3 * time.Minute)
	early := w.m.Registrations
	if early < 5 || early > 30 {
		t.Errorf("the agent registered %d times in the first three minutes", early)
	}
	w.Advance(time.Hour)
	if late := w.m.Registrations - early; late < 60 || late > 300 {
		t.Errorf("the agent registered %d times in an hour, want about twice a minute", late)
	}
	runtime.Tell(w.master, func(m *slavetest.Master) { m.Deaf = false })
	w.Advance(2 * time.Minute)
	n := w.m.Registrations
	w.Advance(time.Minute)
	if w.m.Registrations != n {
		t.Error("a registered agent registered again")
	}
}

// An agent that hears no ping looks for the master again, and finds the same.
func TestSilentMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.PingTimeout = 30 })
	for range 4 {
		w.Advance(15 * time.Second)
		w.say(&internalpb.PingSlaveMessage{Connected: proto.Bool(true)})
	}
	if w.m.Pongs != 4 || len(w.m.Reregistered) != 0 {
		t.Fatalf("%d pongs, %d re-registrations, want 4 and none", w.m.Pongs, len(w.m.Reregistered))
	}
	w.Advance(32 * time.Second)
	if len(w.m.Reregistered) != 1 {
		t.Errorf("%d re-registrations after the silence, want one", len(w.m.Reregistered))
	}
}

// A master that has died is named as the leader until its session with ZooKeeper is over. The agent tries it again with growing
// pauses, and says once that it cannot be reached; of the next leader, again.
func TestDeadLeaderIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, func(w *world) { w.log = zerolog.New(&log).Level(zerolog.InfoLevel) })
	for i := range 2 {
		w.Crash(masterAddr)
		w.Advance(5 * time.Minute)
		for _, message := range []string{"master disconnected", "master unreachable"} {
			if n := strings.Count(log.String(), `"`+message+`"`); n != i+1 {
				t.Errorf("%d times %q in the log after %d deaths\n%s", n, message, i+1, log.String())
			}
		}
		w.m = &slavetest.Master{Acknowledge: true}
		w.startMaster()
		w.Advance(3 * time.Minute)
		if len(w.m.Reregistered) == 0 {
			t.Fatal("the agent does not come back")
		}
	}
}

// A master that takes the agent for disconnected is corrected.
func TestDisconnectedPing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(&internalpb.PingSlaveMessage{Connected: proto.Bool(false)})
	w.Advance(time.Second)
	if w.m.Pongs != 1 || len(w.m.Reregistered) != 1 {
		t.Errorf("%d pongs, %d re-registrations, want one of each", w.m.Pongs, len(w.m.Reregistered))
	}
}

// After a fail-over the agent re-registers with the new master, and no longer listens to the old one.
func TestNewMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	second := &slavetest.Master{Acknowledge: true, Reconciliations: []*internalpb.ReconcileTasksMessage{{
		FrameworkId: f1.Proto(), Framework: framework(),
		Statuses: []*mesospb.TaskStatus{
			{TaskId: ids.Task("t1").Proto(), State: running.Enum()}, {TaskId: ids.Task("t8").Proto(), State: running.Enum()},
		},
	}, {
		FrameworkId: ids.Framework("f9").Proto(), Framework: framework(old),
		Statuses: []*mesospb.TaskStatus{{TaskId: ids.Task("t9").Proto(), State: running.Enum()}},
	}}}
	if _, err := runtime.Spawn(w.Node("10.0.0.2:5050"), "master", second); err != nil {
		t.Fatal(err)
	}
	w.leader.Appoint(election.MasterInfo(runtime.PID{ID: "master", Addr: "10.0.0.2:5050"}))
	w.Advance(3 * time.Second)
	if len(second.Reregistered) != 1 {
		t.Fatalf("the agent re-registered %d times, want once", len(second.Reregistered))
	}
	w.say(kill("t1"))
	w.states("t1", running)
	w.m = second
	w.states("t1")
	w.states("t8", dropped)
	w.states("t9", lost)
	w.reason("t8", mesospb.TaskStatus_REASON_RECONCILIATION)
	w.golden("failover")
}

// An agent that restarts in the same work directory is the same agent, unless it has changed.
func TestRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	w.Crash(agentAddr)
	w.Advance(time.Second)
	w.startAgent()
	w.Advance(3 * time.Second)
	if n := len(w.m.Reregistered); n != 1 {
		t.Fatalf("the agent re-registered %d times, want once\n%s", n, w.Log())
	}
	if id := w.m.Reregistered[0].GetSlave().GetId().GetValue(); id != "a1" {
		t.Errorf("the agent re-registered as %q", id)
	}
	w.Crash(agentAddr)
	w.Advance(time.Second)
	w.config.Resources = "cpus:2"
	w.startAgent()
	w.Advance(time.Second)
	if w.fatal == nil || !strings.Contains(w.fatal.Error(), "Incompatible agent info detected") {
		t.Errorf("an agent with other resources started: %v", w.fatal)
	}
}

// What an agent leaves behind when it dies is collected by the next one, except where that uses it again.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.m.PingTimeout = 1e8
		w.shape = func(x *slavetest.Executor) { x.Estranged = true }
	})
	other := framework(func(f *mesospb.FrameworkInfo) { f.Id.Value = proto.String("f2") })
	w.say(custom("t1", true, framework(checkpointing)), command("t2", other))
	var before []string
	for _, l := range w.containers.Launched() {
		before = append(before, l.Config.GetDirectory())
	}
	stranger := filepath.Join(w.dir, "slaves/a0/frameworks")
	if err := os.MkdirAll(stranger, 0o755); err != nil {
		t.Fatal(err)
	}
	w.Crash(agentAddr)
	w.Advance(time.Second)
	w.startAgent()
	w.Advance(3 * time.Second)
	w.say(custom("t3", true, framework(checkpointing)))
	now := w.containers.Launched()[2].Config.GetDirectory()
	w.Advance(8 * 24 * time.Hour)
	for _, dir := range append(before, stranger) {
		if exists(dir) {
			t.Errorf("%s is still there", dir)
		}
	}
	if !exists(now) || !exists(filepath.Join(w.dir, "meta/slaves/latest/slave.info")) {
		t.Error("what is in use was deleted")
	}
}
