package master_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/book"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// divided returns a cluster in which the task t of f is on two agents, of which second registered later.
func divided(t *testing.T) (c *mastertest.Cluster, f, second *mastertest.Peer, again *internalpb.ReregisterSlaveMessage) {
	c = mastertest.New(t, mastertest.Config{})
	c.Agent("first", "10.0.0.2:5051")
	info := mastertest.Framework()
	f = c.Scheduler("f", "10.0.0.3:6000", info)
	f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
	second = c.Peer("second", "slave(1)", "10.0.0.4:5051")
	again = returning(second, "other-S0", 4)
	known := proto.CloneOf(info)
	known.Id = mastertest.FrameworkID(f)
	again.Frameworks = []*mesospb.FrameworkInfo{known}
	again.Tasks = []*mesospb.Task{{
		Name: proto.String("t"), TaskId: ids.Task("t").Proto(), FrameworkId: known.Id, SlaveId: again.Slave.Id,
		State: mesospb.TaskState_TASK_RUNNING.Enum(), Resources: []*mesospb.Resource{mastertest.Resource("cpus", 3)},
	}}
	second.Say(again)
	return c, f, second, again
}

// used returns how many cpus are used on the second agent of a divided cluster, and whether the first still has the
// task.
func used(c *mastertest.Cluster, f *mastertest.Peer) (cpus string, first bool) {
	c.Do(func(m *master.Master) {
		if a := m.Book().Agent("other-S0"); a != nil {
			cpus = a.Used().CPUs().String()
		}
		first = m.Book().Agent(agent0).Task(book.TaskKey{Framework: ids.FrameworkOf(mastertest.FrameworkID(f)), Task: "t"}) != nil
	})
	return cpus, first
}

// A task that is on two agents is killed on the one that registered later. Until it is terminal, its resources there
// are used. Its scheduler gets no update about it.
func TestTaskOnTwoAgents(t *testing.T) {
	t.Parallel()
	c, f, second, again := divided(t)
	if kill := mastertest.Last[*internalpb.KillTaskMessage](second); kill.GetTaskId().GetValue() != "t" {
		t.Errorf("the agent heard %v", kill)
	}
	if cpus, first := used(c, f); cpus != "3" || !first {
		t.Errorf("%s cpus are used", cpus)
	}
	second.Say(again)
	if kills := mastertest.All[*internalpb.KillTaskMessage](second); len(kills) != 2 {
		t.Errorf("%d kills after the agent came back", len(kills))
	}
	updates := len(mastertest.All[*internalpb.StatusUpdateMessage](f))
	second.Say(&internalpb.StatusUpdateMessage{Pid: proto.String(second.PID().String()), Update: &internalpb.StatusUpdate{
		FrameworkId: mastertest.FrameworkID(f), SlaveId: again.Slave.Id, Timestamp: proto.Float64(1), Uuid: mastertest.UUID(1),
		Status: &mesospb.TaskStatus{TaskId: ids.Task("t").Proto(), State: mesospb.TaskState_TASK_KILLED.Enum()},
	}})
	if ack := mastertest.Last[*internalpb.StatusUpdateAcknowledgementMessage](second); string(ack.GetUuid()) != string(mastertest.UUID(1)) {
		t.Errorf("the agent heard %v", ack)
	}
	if heard := len(mastertest.All[*internalpb.StatusUpdateMessage](f)); heard != updates {
		t.Error("the scheduler heard of it")
	}
	if cpus, first := used(c, f); cpus != "0" || !first {
		t.Errorf("in the end %s cpus are used", cpus)
	}
}

// A duplicate ends when its agent no longer reports it, when its framework ends, and when its agent is removed.
func TestEndOfDuplicates(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*mastertest.Cluster, *mastertest.Peer, *mastertest.Peer, *internalpb.ReregisterSlaveMessage){
		"not reported": func(_ *mastertest.Cluster, _, second *mastertest.Peer, again *internalpb.ReregisterSlaveMessage) {
			again.Tasks = nil
			second.Say(again)
		},
		"framework": func(_ *mastertest.Cluster, f, _ *mastertest.Peer, _ *internalpb.ReregisterSlaveMessage) {
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
		},
		"agent": func(_ *mastertest.Cluster, _, second *mastertest.Peer, again *internalpb.ReregisterSlaveMessage) {
			second.Say(&internalpb.UnregisterSlaveMessage{SlaveId: again.Slave.Id})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f, second, again := divided(t)
			end(c, f, second, again)
			if cpus, _ := used(c, f); cpus != "0" && cpus != "" {
				t.Errorf("%s cpus are used", cpus)
			}
			second.Say(returning(second, "other-S0", 4))
		})
	}
}
