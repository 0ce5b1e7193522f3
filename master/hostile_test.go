package master_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Nothing that peers and operators do at the same time, or should not do at all, ends the master. Every test here ends
// with the checks of [mastertest.Cluster].

// begin makes a call of the operator API and does not wait for the answer.
func begin(c *mastertest.Cluster, call *masterpb.Call) runtime.Future[*web.Response] {
	c.Helper()
	media := mediatype.Protobuf
	return c.Begin(http.MethodPost, "/api/v1", http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}}, media.Marshal(typed(call)))
}

func drainCall(gone bool) *masterpb.Call {
	return &masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: agent0.Proto(), MarkGone: proto.Bool(gone)}}
}

// returning returns the re-registration of agent p with the given number of cpus.
func returning(p *mastertest.Peer, id ids.Agent, cpus float64) *internalpb.ReregisterSlaveMessage {
	info := mastertest.AgentInfo(p.PID().Addr)
	info.Id, info.Resources[0] = id.Proto(), mastertest.Resource("cpus", cpus)
	return &internalpb.ReregisterSlaveMessage{
		Slave: info, Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
	}
}

// A message without a sender belongs to nobody, in particular not to a framework that uses HTTP and therefore has no
// PID.
func TestAnonymousMessages(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
	offer, id := f.Offer(), f.FrameworkID()
	before := c.Conversation()
	for _, m := range []proto.Message{
		&internalpb.LaunchTasksMessage{FrameworkId: id, OfferIds: []*mesospb.OfferID{offer.Id}, Filters: &mesospb.Filters{}, Tasks: []*mesospb.TaskInfo{mastertest.Task("evil", offer)}},
		&internalpb.KillTaskMessage{FrameworkId: id, TaskId: ids.Task("t").Proto()},
		&internalpb.DeactivateFrameworkMessage{FrameworkId: id},
		&internalpb.ReviveOffersMessage{FrameworkId: id},
		&internalpb.ReconcileTasksMessage{FrameworkId: id},
		&internalpb.UnregisterFrameworkMessage{FrameworkId: id},
		&schedulerpb.Call{FrameworkId: id, Type: schedulerpb.Call_TEARDOWN.Enum()},
		&schedulerpb.Call{Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: mastertest.Framework()}},
		&internalpb.RegisterFrameworkMessage{Framework: mastertest.Framework()},
		mastertest.Registration("10.0.0.9:5051"),
		&internalpb.UnregisterSlaveMessage{SlaveId: agent0.Proto()},
	} {
		c.SayAnonymously(m)
	}
	if after := c.Conversation(); after != before {
		t.Errorf("somebody heard of it: %s", after[len(before):])
	}
	c.Do(func(m *master.Master) {
		if agents, frameworks := m.Book().Agents(), m.Book().Frameworks(); len(agents) != 1 || len(frameworks) != 1 || !frameworks[0].IsActive() {
			t.Errorf("%d agents, %d frameworks", len(agents), len(frameworks))
		}
	})
}

// When operators drain an agent at the same time in different ways, each call succeeds and the last one counts.
func TestDrainsAtTheSameTime(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		for _, gone := range [][]bool{{false, false, false}, {false, true}, {true, false}, {true, true}} {
			t.Run(fmt.Sprint(seed, gone), func(t *testing.T) {
				t.Parallel()
				c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
				c.World.SlowWork = 10 * time.Millisecond
				c.Agent("agent", "10.0.0.2:5051")
				for _, g := range gone {
					begin(c, drainCall(g))
					c.Advance(time.Duration(seed) * time.Millisecond)
				}
				c.Advance(time.Second)
				_, s := deactivation(c, agent0)
				var isGone bool
				c.Do(func(m *master.Master) { _, isGone = m.Book().Gone(agent0) })
				if !isGone && s.Drain.GetState() != mesospb.DrainState_DRAINED {
					t.Errorf("gone %t, %v", isGone, s.Drain)
				}
			})
		}
	}
}

// An agent that is to drain and to be active at one moment drains, and is reactivated once.
func TestReactivatedAtTheSameTime(t *testing.T) {
	t.Parallel()
	reactivate := &masterpb.Call{ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: agent0.Proto()}}
	for name, calls := range map[string][]*masterpb.Call{
		"while it drains": {drainCall(false), reactivate}, "twice": {reactivate, reactivate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			c.Agent("agent", "10.0.0.2:5051")
			f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
			f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
			obeyed(t, c, &masterpb.Call{DeactivateAgent: &masterpb.Call_DeactivateAgent{SlaveId: agent0.Proto()}})
			c.World.SlowWork = 10 * time.Millisecond
			first, second := begin(c, calls[0]), begin(c, calls[1])
			c.Advance(time.Second)
			for answer, want := range map[runtime.Future[*web.Response]]int{first: http.StatusOK, second: http.StatusConflict} {
				if got, _, _ := answer.Peek(); got.Status != want {
					t.Errorf("%d %s, want %d", got.Status, got.Bytes(), want)
				}
			}
			_, s := deactivation(c, agent0)
			if drains := calls[0] != reactivate; s.Deactivated != drains || s.IsDraining() != drains {
				t.Errorf("deactivated %t, %v", s.Deactivated, s.Drain)
			}
		})
	}
}

// The last framework on a draining agent acknowledges the end of its task and is torn down.
func TestDrainAndTeardown(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	id := mastertest.FrameworkID(f)
	f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
	obeyed(t, c, drainCall(false))
	agent.Report(id, "t", mesospb.TaskState_TASK_KILLED, 1)
	c.World.SlowWork = 10 * time.Millisecond
	f.SayAtOnce(&schedulerpb.Call{
		FrameworkId: id, Type: schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: agent0.Proto(), TaskId: ids.Task("t").Proto(), Uuid: mastertest.UUID(1)},
	}, &schedulerpb.Call{FrameworkId: id, Type: schedulerpb.Call_TEARDOWN.Enum()})
	if _, s := deactivation(c, agent0); s.Drain.GetState() != mesospb.DrainState_DRAINED {
		t.Errorf("%v", s.Drain)
	}
}

// An agent unregisters and comes back before that is in the registry, with the same or other resources, while another
// agent registers at its address.
func TestReregistersWhileItIsRemoved(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		for _, cpus := range []float64{4, 2} {
			t.Run(fmt.Sprint(seed, cpus), func(t *testing.T) {
				t.Parallel()
				c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
				agent := c.Agent("agent", "10.0.0.2:5051")
				c.World.SlowWork = 10 * time.Millisecond
				again := returning(agent, agent0, cpus)
				agent.SayAtOnce(&internalpb.UnregisterSlaveMessage{SlaveId: agent0.Proto()}, again, mastertest.Registration("10.0.0.2:5051"))
				c.Advance(time.Second)
				agent.Say(again) // it retries until it is answered
				c.Advance(time.Second)
				c.Do(func(m *master.Master) {
					if a := m.Book().Agent(agent0); a == nil || float64(a.Total.CPUs()) != cpus*float64(resources.Unit) {
						t.Errorf("it is %+v", a)
					}
				})
			})
		}
	}
}

// Whatever an agent reports about a task, and in whatever order, the task's resources are returned once.
func TestStatesThatNoAgentReports(t *testing.T) {
	t.Parallel()
	for first := range mesospb.TaskState_name {
		for second := range mesospb.TaskState_name {
			c := mastertest.New(t, mastertest.Config{})
			agent := c.Agent("agent", "10.0.0.2:5051")
			f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
			f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
			for i, state := range []mesospb.TaskState{
				mesospb.TaskState(first), mesospb.TaskState(second), mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED,
			} {
				agent.Report(mastertest.FrameworkID(f), "t", state, byte(i+1))
			}
			c.Advance(6 * time.Second)
			c.Do(func(m *master.Master) {
				a := m.Book().Agent(agent0)
				if !a.Used().IsEmpty() || !a.Offered().Unallocate().Equal(a.Total) {
					t.Errorf("after %v and %v: %v is used, and %v offered", mesospb.TaskState(first), mesospb.TaskState(second), a.Used(), a.Offered())
				}
			})
		}
	}
}

// An agent re-registers with a task in any state, and then reports that it is terminal.
func TestReregistersWithAnyState(t *testing.T) {
	t.Parallel()
	for state := range mesospb.TaskState_name {
		c := mastertest.New(t, mastertest.Config{})
		agent := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
		again := returning(agent, agent0, 4)
		f := mastertest.Framework()
		f.Id = ids.Framework("f").Proto()
		again.Frameworks = []*mesospb.FrameworkInfo{f}
		again.Tasks = []*mesospb.Task{{
			Name: proto.String("t"), TaskId: ids.Task("t").Proto(), FrameworkId: f.Id, SlaveId: agent0.Proto(),
			State: mesospb.TaskState(state).Enum(), Resources: []*mesospb.Resource{mastertest.Resource("cpus", 1)},
		}}
		agent.Say(again)
		over := &internalpb.StatusUpdateMessage{Update: &internalpb.StatusUpdate{
			FrameworkId: f.Id, SlaveId: agent0.Proto(), Timestamp: proto.Float64(1), Uuid: mastertest.UUID(1),
			Status: &mesospb.TaskStatus{TaskId: ids.Task("t").Proto(), State: mesospb.TaskState_TASK_FINISHED.Enum()},
		}}
		agent.Say(over)
		agent.Say(over)
		c.Do(func(m *master.Master) {
			if a := m.Book().Agent(agent0); a == nil || !a.Used().IsEmpty() {
				t.Errorf("%v: %+v", mesospb.TaskState(state), a)
			}
		})
	}
}

// slowApprover answers when the test says so.
type slowApprover struct {
	waiting []runtime.Promise[authorizer.Approver]
}

func (s *slowApprover) Approver(*web.Principal) runtime.Future[authorizer.Approver] {
	p := runtime.NewPromise[authorizer.Approver]()
	s.waiting = append(s.waiting, p)
	return p.Future()
}

// answer allows everything.
func (s *slowApprover) answer(c *mastertest.Cluster) {
	waiting := s.waiting
	s.waiting = nil
	for _, p := range waiting {
		p.Set(authorizer.Approver(nil))
	}
	c.Advance(50 * time.Millisecond)
}

// A framework that is removed while its subscription waits for authorization stays removed.
func TestRemovedWhileItSubscribes(t *testing.T) {
	t.Parallel()
	slow := &slowApprover{}
	c := mastertest.New(t, mastertest.Config{Authorizer: slow})
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	slow.answer(c)
	again := mastertest.Framework()
	again.Id = mastertest.FrameworkID(f)
	f.Subscribe(again, true)
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	slow.answer(c)
	if msg := mastertest.Last[*internalpb.FrameworkErrorMessage](f); msg.GetMessage() != "Framework has been removed" {
		t.Errorf("it heard %v", msg)
	}
	c.Do(func(m *master.Master) {
		if len(m.Book().Frameworks()) > 0 || len(m.Book().CompletedFrameworks()) != 1 {
			t.Error("it came back")
		}
	})
}

// A machine goes down while its agent registers or re-registers: the agent is shut down, and its resources are not
// offered.
func TestMachineGoesDownWhileItsAgentRegisters(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]func(*mastertest.Peer) proto.Message{
		"new":   func(p *mastertest.Peer) proto.Message { return mastertest.Registration(p.PID().Addr) },
		"known": func(p *mastertest.Peer) proto.Message { return returning(p, agent0, 2) },
	} {
		for millis := range 20 {
			t.Run(fmt.Sprint(name, millis), func(t *testing.T) {
				t.Parallel()
				c := mastertest.New(t, mastertest.Config{Seed: uint64(millis + 1)})
				f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
				machine := &mesospb.MachineID{Hostname: proto.String("10.0.0.2"), Ip: proto.String("10.0.0.2")}
				obeyed(t, c, &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: &maintenancepb.Schedule{
					Windows: []*maintenancepb.Window{{
						MachineIds: []*mesospb.MachineID{machine}, Unavailability: &mesospb.Unavailability{Start: &mesospb.TimeInfo{Nanoseconds: proto.Int64(7)}},
					}},
				}}})
				agent := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
				c.World.SlowWork = 10 * time.Millisecond
				down := begin(c, &masterpb.Call{StartMaintenance: &masterpb.Call_StartMaintenance{Machines: []*mesospb.MachineID{machine}}})
				c.Advance(time.Duration(millis) * time.Millisecond)
				agent.Say(message(agent))
				c.Advance(time.Second)
				if r, done, err := down.Peek(); !done || err != nil || r.Status != http.StatusOK {
					t.Fatalf("%v %v %t", r, err, done)
				}
				if len(mastertest.All[*internalpb.ShutdownMessage](agent)) == 0 {
					t.Error("the agent was not shut down")
				}
				c.Do(func(m *master.Master) {
					if agents := m.Book().Agents(); len(agents) > 0 {
						t.Errorf("%s is registered on a machine that is down", agents[0].ID)
					}
				})
				_ = f
			})
		}
	}
}

// The master decides what is reserved on an old agent. If such an agent comes back without its reservations, it is told
// again.
func TestOldAgentIsToldItsReservations(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	reserved := mastertest.Resource("cpus", 1)
	reserved.Reservations = []*mesospb.Resource_ReservationInfo{{Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("r")}}
	msg := mastertest.Registration("10.0.0.2:5051")
	msg.CheckpointedResources, msg.AgentCapabilities = []*mesospb.Resource{reserved}, msg.AgentCapabilities[:3]
	agent.Say(msg)
	again := returning(agent, agent0, 4)
	again.AgentCapabilities = msg.AgentCapabilities
	agent.Say(again)
	if told := mastertest.Last[*internalpb.CheckpointResourcesMessage](agent).GetResources(); len(told) != 1 || !proto.Equal(told[0], reserved) {
		t.Errorf("it was told %v", told)
	}
	c.Do(func(m *master.Master) {
		if a := m.Book().Agent(agent0); a.Total.Reserved("r").IsEmpty() || a.Checkpointed.Len() != 1 {
			t.Errorf("it has %v", a.Total)
		}
	})
}

// When an agent comes back with less than is offered, or with less than is about to be offered, its offers are
// rescinded.
func TestOffersOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
		agent := c.Agent("agent", "10.0.0.2:5051")
		f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
		f.SayAtOnce(&schedulerpb.Call{
			FrameworkId: mastertest.FrameworkID(f), Type: schedulerpb.Call_DECLINE.Enum(),
			Decline: &schedulerpb.Call_Decline{OfferIds: []*mesospb.OfferID{f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)}},
		}, &schedulerpb.Call{FrameworkId: mastertest.FrameworkID(f), Type: schedulerpb.Call_REVIVE.Enum(), Revive: &schedulerpb.Call_Revive{}})
		agent.Say(returning(agent, agent0, 1))
		c.Advance(2 * time.Second)
		if cpus := f.Offer().GetResources()[0]; cpus.GetName() != "cpus" || cpus.GetScalar().GetValue() != 1 {
			t.Errorf("the last offer is of %v", cpus)
		}
	}
}
