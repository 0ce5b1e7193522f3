package slave_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/slave"
	"meseta/slave/slavetest"
)

// storm is an agent to which anything is said at any time, by its master and by its executors.
type storm struct {
	*world
	chance *rand.Rand
	away   bool // no master leads
}

const stormFrameworks, stormTasks = 3, 12

// Whatever masters, executors and disks do, the agent goes on, its book agrees with itself, and when its frameworks are
// torn down nothing of them is left: no container, no update, nothing to be said.
func TestStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := &storm{chance: rand.New(rand.NewPCG(seed, 2))}
			s.world = newWorld(t, func(w *world) {
				w.seed, w.m.PingTimeout = seed+1, 1e8
				w.shape = func(x *slavetest.Executor) {
					x.Silent, x.Quiet, x.Stubborn = s.chance.IntN(6) == 0, s.chance.IntN(3) == 0, s.chance.IntN(4) == 0
				}
			})
			for range 150 {
				s.strike()
				s.Advance(time.Duration(s.chance.IntN(2000)) * time.Millisecond)
				s.alive()
			}
			s.calm()
		})
	}
}

func (s *storm) framework() ids.Framework {
	return ids.Framework(fmt.Sprint("f", s.chance.IntN(stormFrameworks)))
}
func (s *storm) task() ids.Task { return ids.Task(fmt.Sprint("t", s.chance.IntN(stormTasks))) }

// strike makes one of the things happen that can.
func (s *storm) strike() {
	if s.away && s.chance.IntN(3) == 0 {
		s.leader.Appoint(s.leaderInfo())
		s.away = false
		s.Advance(5 * time.Second)
	}
	switch s.chance.IntN(14) {
	case 0, 1, 2, 3:
		s.launch()
	case 4:
		s.send(&internalpb.KillTaskMessage{FrameworkId: s.framework().Proto(), TaskId: s.task().Proto()})
	case 5, 6, 7:
		s.report()
	case 8:
		s.endContainer()
	case 9:
		s.send(&internalpb.ShutdownExecutorMessage{FrameworkId: s.framework().Proto(), ExecutorId: x1.Proto()})
	case 10:
		s.send(&internalpb.ShutdownFrameworkMessage{FrameworkId: s.framework().Proto()})
	case 11:
		if s.chance.IntN(4) > 0 {
			return
		}
		s.send(&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{MarkGone: proto.Bool(s.chance.IntN(2) == 0)}})
	case 12:
		s.disk.Fill([][]string{nil, nil, {"task.info"}, {"task.updates"}, {"/meta/slaves/a1/frameworks"}}[s.chance.IntN(5)]...)
	case 13:
		s.loseMaster()
	}
}

// launch sends a task, in an executor of its own or not, or a group.
func (s *storm) launch() {
	id, task := s.framework(), s.task()
	f := framework(func(f *mesospb.FrameworkInfo) {
		f.Id, f.Checkpoint = id.Proto(), proto.Bool(s.chance.IntN(2) == 0)
	})
	switch s.chance.IntN(3) {
	case 0:
		s.send(command(task, f))
	case 1:
		m := custom(task, s.chance.IntN(2) == 0, f)
		m.Task.Executor.FrameworkId = id.Proto()
		s.send(m)
	case 2:
		m := group(f, task, s.task()) // now and then one task twice
		m.Executor.FrameworkId = id.Proto()
		s.send(m)
	}
}

// report has an executor say anything of any task, its own or not.
func (s *storm) report() {
	if len(s.refs) == 0 {
		return
	}
	state := mesospb.TaskState(s.chance.IntN(len(mesospb.TaskState_name)))
	task := s.task()
	runtime.Tell(s.refs[s.chance.IntN(len(s.refs))], func(x *slavetest.Executor) { x.Report(task, state) })
}

func (s *storm) endContainer() {
	if all := s.containers.Launched(); len(all) > 0 {
		s.containers.End(all[s.chance.IntN(len(all))].ID, 9)
	}
}

// loseMaster makes the master deaf, away, forgetful or itself again.
func (s *storm) loseMaster() {
	switch s.chance.IntN(3) {
	case 0:
		s.leader.Appoint(nil)
		s.away = true
	case 1:
		runtime.Tell(s.master, func(m *slavetest.Master) { m.Acknowledge = !m.Acknowledge })
	case 2:
		unknown := &internalpb.ReconcileTasksMessage{
			FrameworkId: s.framework().Proto(), Framework: framework(),
			Statuses: []*mesospb.TaskStatus{{TaskId: s.task().Proto(), State: running.Enum()}},
		}
		runtime.Tell(s.master, func(m *slavetest.Master) {
			m.Reconciliations = append(m.Reconciliations, unknown)
			m.Tell(&internalpb.PingSlaveMessage{Connected: proto.Bool(false)})
		})
	}
}

func (s *storm) send(message proto.Message) {
	runtime.Tell(s.master, func(m *slavetest.Master) { m.Tell(message) })
}

// calm ends the storm, tears all frameworks down, and looks for what is left.
func (s *storm) calm() {
	s.t.Helper()
	s.disk.Fill()
	s.leader.Appoint(s.leaderInfo())
	runtime.Tell(s.master, func(m *slavetest.Master) { m.Acknowledge, m.Reconciliations = false, nil })
	s.Advance(30 * time.Second)
	for i := range stormFrameworks {
		s.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: ids.Framework(fmt.Sprint("f", i)).Proto()})
	}
	s.Advance(5 * time.Minute)
	s.alive()
	s.idle()
	if got := s.pending(); len(got) > 0 {
		s.t.Errorf("updates of %v are pending", got)
	}
	empty, err := sim.Await(s.World, runtime.Dispatch(s.agent, func(a *slave.Slave) bool { return a.Book().Empty() && a.Reporting() == 0 }), 0)
	if err != nil || !empty {
		s.t.Errorf("the agent has frameworks or reports left: %v", err)
	}
	n := len(s.m.Updates)
	s.Advance(time.Hour)
	if len(s.m.Updates) != n {
		s.t.Errorf("%d updates were sent afterwards", len(s.m.Updates)-n)
	}
}
