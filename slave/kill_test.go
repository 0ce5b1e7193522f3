package slave_test

import (
	"net/http"
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
