package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// An executor ends while the registry readmits its agent. The agent says so, or registers once more without it: the
// executor holds nothing in the end, however the agent tells.
func TestAnExecutorEndsWhileItsAgentReregisters(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(with *internalpb.ReregisterSlaveMessage, exited *internalpb.ExitedExecutorMessage) []proto.Message{
		"exited": func(with *internalpb.ReregisterSlaveMessage, exited *internalpb.ExitedExecutorMessage) []proto.Message {
			return []proto.Message{with, exited}
		},
		"again": func(with *internalpb.ReregisterSlaveMessage, _ *internalpb.ExitedExecutorMessage) []proto.Message {
			without := proto.CloneOf(with)
			without.ExecutorInfos = nil
			return []proto.Message{with, with, without}
		},
		"exited too early": func(with *internalpb.ReregisterSlaveMessage, exited *internalpb.ExitedExecutorMessage) []proto.Message {
			without := proto.CloneOf(with)
			without.ExecutorInfos = nil
			return []proto.Message{exited, with, without}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			info := mastertest.Framework()
			f := c.Scheduler("f", "10.0.0.3:6000", info)
			known := proto.CloneOf(info)
			known.Id = mastertest.FrameworkID(f)
			agent := c.Peer("agent", "slave(1)", "10.0.0.4:5051")
			with := returning(agent, "other-S0", 4)
			with.Frameworks = []*mesospb.FrameworkInfo{known}
			with.ExecutorInfos = []*mesospb.ExecutorInfo{{
				ExecutorId: ids.Executor("x").Proto(), FrameworkId: known.Id, Command: &mesospb.CommandInfo{Value: proto.String("x")},
				Resources: []*mesospb.Resource{mastertest.Resource("cpus", 1)},
			}}
			c.World.SlowWork = time.Second // so long the registry may take
			agent.SayAtOnce(says(with, &internalpb.ExitedExecutorMessage{
				SlaveId: with.Slave.Id, FrameworkId: known.Id, ExecutorId: ids.Executor("x").Proto(), Status: proto.Int32(0),
			})...)
			c.Advance(10 * time.Second)
			c.Do(func(m *master.Master) {
				a := m.Book().Agent("other-S0")
				if a == nil {
					t.Fatal("the agent is not registered")
				}
				if used := a.Used(); !used.IsEmpty() {
					t.Errorf("%v is used", used)
				}
			})
		})
	}
}
