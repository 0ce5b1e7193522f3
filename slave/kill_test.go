package slave_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/slave/slavetest"
)

func grace(d time.Duration) *mesospb.KillPolicy {
	return &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(d))}}
}

// A task that runs is killed by its executor, as gently as the framework wishes.
func TestKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	m := kill("t1")
	m.KillPolicy = grace(time.Minute)
	w.say(m)
	w.states("t1", running, killed)
	w.states("t2", running)
	if k := w.executors[0].Killed; len(k) != 1 || k[0].GetKillPolicy().GetGracePeriod().GetNanoseconds() != int64(time.Minute) {
		t.Errorf("the executor was told to kill %v", k)
	}
}

// A task that waits for its executor is killed where it waits, and the others are not.
func TestKillQueued(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.shape = func(x *slavetest.Executor) { x.Silent = true } })
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	w.say(kill("t1"))
	w.states("t1", killed)
	w.executor(0, (*slavetest.Executor).Register)
	w.states("t2", running)
	if n := len(w.executors[0].Tasks); n != 1 {
		t.Errorf("the executor was given %d tasks, want 1", n)
	}
}

// A task that is killed in the same breath as it is launched never reaches an executor.
func TestKillPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()), kill("t1"))
	w.Advance(time.Second)
	states := w.m.States("t1")
	if len(states) == 0 || states[len(states)-1] != killed {
		t.Errorf("the master heard %v, want the task to be killed", states)
	}
}

// Nobody is left waiting for the end of a task that is not here.
func TestKillUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework()))
	w.say(kill("t9"))
	w.states("t9", dropped)
	w.say(&internalpb.KillTaskMessage{FrameworkId: ids.Framework("f9").Proto(), TaskId: ids.Task("t9").Proto()})
	w.states("t9", dropped)
}

// An agent that is drained kills its tasks, within the time it is given, and takes no others.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	slow := custom("t1", true, framework())
	slow.Task.KillPolicy = grace(time.Hour)
	fast := custom("t2", false, framework())
	fast.Task.KillPolicy = grace(time.Second)
	w.say(slow, fast)
	w.say(&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{
		MaxGracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(time.Minute))}, MarkGone: proto.Bool(true),
	}})
	w.say(custom("t3", false, framework()))
	gone := mesospb.TaskState_TASK_GONE_BY_OPERATOR
	w.states("t1", running, gone)
	w.states("t2", running, gone)
	w.states("t3", dropped)
	w.reason("t1", mesospb.TaskStatus_REASON_SLAVE_DRAINING)
	w.reason("t3", mesospb.TaskStatus_REASON_SLAVE_DRAINING)
	for _, k := range w.executors[0].Killed {
		want := int64(0)
		if ids.TaskOf(k.GetTaskId()) == "t1" {
			want = int64(time.Minute)
		}
		if got := k.GetKillPolicy().GetGracePeriod().GetNanoseconds(); got != want {
			t.Errorf("%s was given %d ns, want %d", k.GetTaskId().GetValue(), got, want)
		}
	}
}

// Tasks are killed for a drain when that is on disk. An agent that dies before has killed nothing; the next one goes on with the
// drain if it is recorded, and otherwise with the tasks, until the master says again that it is to drain.
func TestDrainIsRecordedFirst(t *testing.T) {
	t.Parallel()
	for _, recorded := range []bool{true, false} {
		w := newWorld(t, nil)
		w.say(custom("t1", true, framework(checkpointing)))
		drain := &internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{}}
		died := false
		w.disk.Opening = func(path string) {
			if strings.Contains(path, "drain.config") && !died {
				died = true
				w.Kill(agentAddr)
			}
		}
		w.say(drain)
		if n := len(w.executors[0].Killed); n > 0 || !died {
			t.Errorf("%d tasks were killed by an agent that died as it wrote the drain: %t", n, died)
		}
		w.rebirth(func() {
			if !recorded {
				w.settled()
				err := os.RemoveAll(filepath.Join(w.dir, "meta/slaves/a1/drain.config"))
				if err != nil {
					t.Error(err)
				}
			}
		})
		w.Advance(4 * time.Second)
		if !recorded {
			w.states("t1", running)
			w.say(drain)
		}
		w.states("t1", running, killed)
		w.reason("t1", mesospb.TaskStatus_REASON_SLAVE_DRAINING)
	}
}

// An agent that cannot record its drain ends, as in Mesos, and the task goes on.
func TestDrainOnAFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.disk.Fill("drain.config")
	w.say(&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{}})
	if w.fatal == nil || !strings.Contains(w.fatal.Error(), "Failed to checkpoint DrainConfig: ") {
		t.Errorf("the agent ends with %v", w.fatal)
	}
	w.states("t1", running)
}

// An agent that is drained says so, and since when, in whole seconds as Mesos does; one that is done says nothing more.
func TestDrainIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	shown := func(want string) {
		t.Helper()
		state := string(w.ask(http.MethodGet, "/slave(1)/state", nil, nil).Body)
		agent := string(w.post("/slave(1)/api/v1", mediatype.JSON, &agentv1pb.Call{Type: agentv1pb.Call_GET_AGENT.Enum()}).Body)
		in, then := strings.Contains(state, `"drain_config":{"mark_gone":true},"estimated_drain_start_time_seconds":`+want+`,`),
			strings.Contains(agent, `"drain_config":{"mark_gone":true},"estimated_drain_start_time":{"nanoseconds":`+want+`000000000}`)
		if !in || !then {
			t.Errorf("the drain is shown with its start in /state: %v, in GET_AGENT: %v\n%s\n%s", in, then, state, agent)
		}
	}
	w.say(custom("t1", true, framework()))
	since := w.Now().Unix()
	w.say(&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{MarkGone: proto.Bool(true)}})
	shown(strconv.FormatInt(since, 10))
	w.Advance(time.Hour)
	shown(strconv.FormatInt(since, 10))
	for range 2 {
		w.acknowledge("t1")
	}
	w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	w.Advance(time.Minute)
	if state := string(w.ask(http.MethodGet, "/slave(1)/state", nil, nil).Body); strings.Contains(state, "drain_") {
		t.Errorf("an agent that is drained shows\n%s", state)
	}
}
