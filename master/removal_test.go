package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
)

// Three agents fall silent, and the master may mark one unreachable in ten minutes. The second waits, and the third
// answers in time.
func TestRemovalsAreLimited(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) { c.AgentRemovalRate = master.Rate{Permits: 1, Per: 10 * time.Minute} }})
	first := c.Agent("first", "10.0.0.2:5051")
	second := c.Agent("second", "10.0.0.3:5051")
	third := c.Agent("third", "10.0.0.4:5051")
	c.Scheduler("f", "10.0.0.5:6000", mastertest.Framework())
	first.Silent, second.Silent, third.Silent = true, true, true
	c.Advance(10 * time.Minute)
	c.Note("the third answers again")
	third.Silent = false
	c.Advance(30 * time.Minute)
	c.Golden("removals-are-limited")
}

// An agent that was disconnected and comes back while it waits to be marked unreachable stays registered.
func TestRemovalAfterDisconnection(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) {
		c.AgentRemovalRate = master.Rate{Permits: 1, Per: time.Hour}
		c.MaxAgentPingTimeouts = 1_000_000
	}})
	lost := c.Agent("lost", "10.0.0.2:5051")
	back := c.Agent("back", "10.0.0.3:5051")
	lost.Exit()
	id := mastertest.AgentID(back)
	back.Exit()
	c.Advance(20 * time.Minute)
	c.Note("one is given up, the other has still to wait, and comes back")
	again := c.Peer("back", "slave(1)", "10.0.0.3:5051")
	msg := &internalpb.ReregisterSlaveMessage{
		Slave: mastertest.AgentInfo("10.0.0.3:5051"), Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
	}
	msg.Slave.Id = id
	again.Say(msg)
	c.Advance(time.Hour)
	c.Do(func(m *master.Master) {
		if m.Book().NumUnreachable() != 1 || m.Book().Agent(ids.AgentOf(id)) == nil {
			t.Errorf("%d agents are unreachable", m.Book().NumUnreachable())
		}
	})
	c.Golden("removal-after-disconnection")
}
