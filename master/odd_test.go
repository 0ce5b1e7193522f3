package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// An agent loses its ID while it re-registers and registers as a new one. The old one is removed.
func TestTwoAgentsAtOneAddress(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent, f := running(c, mastertest.Framework())
	msg := reregistration(agent, f, mastertest.Framework())
	msg.Slave.Id = ids.Agent("former").Proto()
	c.Note("an agent comes at the address of another")
	agent.Say(msg)
	c.Note("and registers anew, so the former is gone as well once its connection breaks")
	agent.Exit()
	c.Agent("new", "10.0.0.2:5051")
	c.Golden("two-agents-at-one-address")
}

// An impossible re-registration is ignored.
func TestImpossibleReregistration(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework()
	agent, f := running(c, info)
	port := &mesospb.Resource{
		Name: proto.String("ports"), Type: mesospb.Value_RANGES.Enum(),
		Ranges: &mesospb.Value_Ranges{Range: []*mesospb.Value_Range{{Begin: proto.Uint64(1), End: proto.Uint64(1)}}},
	}
	c.Note("two tasks with one port")
	twice := reregistration(agent, f, info, "t1", "t2")
	twice.Slave.Id = ids.Agent("other").Proto()
	for _, task := range twice.Tasks {
		task.SlaveId = twice.Slave.Id
		task.Resources = []*mesospb.Resource{port}
	}
	other := c.Peer("other", "slave(1)", "10.0.0.4:5051")
	other.Say(twice)
	c.Note("more than it has, in two roles, and a task that runs elsewhere: all but that task is taken for true")
	greedy := reregistration(agent, f, info, "t1", "t2")
	greedy.Slave.Id = twice.Slave.Id
	for _, task := range greedy.Tasks {
		task.SlaveId = greedy.Slave.Id
		more := mastertest.Resource("cpus", 100)
		more.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: proto.String("x")}
		task.Resources = append(task.Resources, more)
	}
	other.Say(greedy)
	c.Advance(2 * time.Second)
	c.Note("the agent goes, with all that it said")
	other.Silent = true
	c.Advance(2 * time.Minute)
	c.Golden("impossible-reregistration")
}

// A new scheduler at the address of a disconnected one is another framework.
func TestNewSchedulerAtAnOldAddress(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework()
	info.FailoverTimeout = proto.Float64(1000)
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	f.Exit()
	again := c.Scheduler("f", "10.0.0.3:6000", info)
	c.Note("the former fails over to a place of its own")
	known := proto.CloneOf(info)
	known.Id = mastertest.FrameworkID(f)
	elsewhere := c.Peer("g", "scheduler-g", "10.0.0.4:6000")
	elsewhere.Subscribe(known, true)
	again.Subscribe(info, false)
	c.Golden("new-scheduler-at-an-old-address")
}
