package slave_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// Whatever happens between an agent and its master, once they can talk again every update arrives, in the order in
// which the executor made them; none is delivered after the next one, and none for ever.
func TestUpdatesSurviveFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) { w.seed, w.m.PingTimeout = seed+1, 20 })
			chance := rand.New(rand.NewPCG(seed, 1))
			w.say(custom("t0", true, framework()), custom("t1", false, framework()), custom("t2", false, framework()))
			made := map[ids.Task][]string{}
			for _, task := range []ids.Task{"t0", "t1", "t2"} {
				made[task] = append(made[task], "")
			}
			for range 40 {
				w.disturb(chance)
				task := ids.Task(fmt.Sprint("t", chance.IntN(3)))
				w.executor(0, func(x *slavetest.Executor) {
					m := x.Report(task, mesospb.TaskState_TASK_RUNNING)
					made[task] = append(made[task], string(m.GetUpdate().GetUuid()))
				})
				w.Advance(time.Duration(chance.IntN(20)) * time.Second)
			}
			w.Heal(masterAddr, agentAddr)
			w.leader.Appoint(w.leaderInfo())
			runtime.Tell(w.master, func(m *slavetest.Master) { m.Acknowledge = true })
			w.Advance(2 * time.Hour)
			for task, want := range made {
				w.arrived(task, want[1:])
			}
			n := len(w.m.Updates)
			w.Advance(time.Hour)
			if len(w.m.Updates) != n {
				t.Errorf("acknowledged updates are still being sent")
			}
		})
	}
}

// disturb makes one of the things happen that can.
func (w *world) disturb(chance *rand.Rand) {
	switch chance.IntN(6) {
	case 0:
		w.Partition(masterAddr, agentAddr)
	case 1:
		w.Heal(masterAddr, agentAddr)
	case 2:
		w.leader.Appoint(nil)
	case 3:
		w.leader.Appoint(w.leaderInfo())
	case 4:
		runtime.Tell(w.master, func(m *slavetest.Master) { m.Acknowledge = !m.Acknowledge })
	case 5:
		runtime.Tell(w.master, func(m *slavetest.Master) { m.Tell(&internalpb.PingSlaveMessage{Connected: proto.Bool(false)}) })
	}
}

// arrived demands that the master heard these updates of a task in this order, each at least once.
func (w *world) arrived(task ids.Task, want []string) {
	w.t.Helper()
	var got []string
	for _, u := range w.m.Updates {
		if ids.TaskOf(u.GetStatus().GetTaskId()) == task {
			got = append(got, string(u.GetUuid()))
		}
	}
	got = slices.Compact(got)
	if len(got) > 0 {
		got = got[1:] // that the task runs, when it was launched
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("of %s %d updates arrived, %d were made, or not in their order", task, len(got), len(want))
	}
}
