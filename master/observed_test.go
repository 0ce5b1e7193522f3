package master_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/internalpb"
)

// returned are agents that were registered with a master, and return to the next one.
func returned(c *mastertest.Cluster, n int) []*mastertest.Peer {
	agents := make([]*mastertest.Peer, n)
	for i := range agents {
		addr := fmt.Sprintf("10.0.1.%d:5051", i+1)
		agents[i] = c.Agent(fmt.Sprint("a", i), addr)
	}
	c.Fail()
	c.Elect("next")
	c.Advance(time.Second)
	c.Note("all return")
	for i, a := range agents {
		info := mastertest.AgentInfo(fmt.Sprintf("10.0.1.%d:5051", i+1))
		info.Id = mastertest.AgentID(a)
		a.Deliver(&internalpb.ReregisterSlaveMessage{
			Slave: info, Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
		})
	}
	return agents
}

// pings returns how often each agent was pinged since that was noted.
func pings(c *mastertest.Cluster, since string) map[string]int {
	_, text, _ := strings.Cut(c.Conversation(), "-- "+since)
	count := map[string]int{}
	for line := range strings.Lines(text) {
		if head, _, is := strings.Cut(line, "  PingSlaveMessage"); is {
			_, agent, _ := strings.Cut(head, "→ ")
			count[agent]++
		}
	}
	return count
}

// Agents that return to a master which took over are pinged within an interval, not all at once, and one each interval from
// then on.
func TestAgentsThatReturnArePingedSoon(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Pings: true})
	agents := returned(c, 200)
	c.Advance(time.Second)
	if n := len(pings(c, "all return")); n < 5 || n > 30 {
		t.Errorf("%d of 200 agents were pinged within a second", n)
	}
	interval := master.Defaults().AgentPingTimeout
	c.Advance(interval)
	c.Note("an interval later")
	c.Advance(10 * interval)
	before, after := pings(c, "all return"), pings(c, "an interval later")
	for _, a := range agents {
		if n := after[a.Name]; before[a.Name] == n || n < 9 || n > 11 {
			t.Errorf("%s was pinged %d times in an interval and %d times in ten", a.Name, before[a.Name]-n, n)
		}
	}
}

// What happens to agents before they are pinged: the first is pinged at once, the second breaks off and returns at another port, the third says good-bye, the
// fourth breaks off for good, and the fifth never answers. Those that are not there in the end are unreachable.
func TestAgentsAreLostBeforeTheyArePinged(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Pings: true, Configure: func(c *master.Config) { c.AgentReregisterTimeout = time.Minute }})
	agents := returned(c, 5)
	agents[4].Silent = true
	agents[2].SayAtOnce(&internalpb.UnregisterSlaveMessage{SlaveId: mastertest.AgentID(agents[2])})
	agents[1].Exit()
	again := c.Peer("again", "slave(1)", "10.0.1.2:6051")
	info := mastertest.AgentInfo("10.0.1.2:6051")
	info.Id = mastertest.AgentID(agents[1])
	again.SayAtOnce(&internalpb.ReregisterSlaveMessage{
		Slave: info, Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
	})
	agents[3].Exit()
	c.Advance(2 * time.Minute)
	c.Do(func(m *master.Master) {
		if n := m.Book().NumUnreachable(); n != 2 {
			t.Errorf("%d agents are unreachable, want the fourth and the fifth", n)
		}
	})
	c.Golden("lost-before-they-are-pinged")
}
