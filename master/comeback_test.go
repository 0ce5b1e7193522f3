package master_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/internalpb"
)

// Agents that do not come back to a new leader in time are unreachable, and not a moment before; if they are more than the limit allows, the
// leader gives up instead, and the next one waits for them as long. A limit of 0 does not matter if all come back.
func TestAgentsThatDoNotComeBack(t *testing.T) {
	t.Parallel()
	const registered = 4
	for _, c := range []struct {
		limit   float64
		missing int
		ends    bool
	}{
		{0, 0, false}, {0, 1, true}, {0, 4, true},
		{0.25, 1, false}, {0.25, 2, true}, {0.5, 2, false}, {0.99, 3, false}, {0.99, 4, true}, {1, 4, false},
	} {
		t.Run(fmt.Sprintf("%v%% of %d", 100*c.limit, c.missing), func(t *testing.T) {
			t.Parallel()
			const timeout = time.Hour
			w := mastertest.New(t, mastertest.Config{Configure: func(m *master.Config) {
				m.AgentReregisterTimeout, m.RecoveryRemovalLimit = timeout, c.limit
			}})
			agents := make([]*mastertest.Peer, registered)
			address := func(i int) string { return fmt.Sprintf("10.0.1.%d:5051", i+1) }
			for i := range agents {
				agents[i] = w.Agent(fmt.Sprint("a", i), address(i))
			}
			for _, leader := range []string{"next", "last"} {
				w.Fail()
				w.Elect(leader)
				w.Advance(time.Second) // until the agents know that their connections are broken
				for i, a := range agents[c.missing:] {
					info := mastertest.AgentInfo(address(c.missing + i))
					info.Id = mastertest.AgentID(a)
					a.Say(&internalpb.ReregisterSlaveMessage{
						Slave: info, Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
					})
				}
				w.Advance(timeout - time.Minute)
				look(t, w, c.missing, 0)
				if w.GaveUp != nil {
					t.Fatalf("a minute too early: %v", w.GaveUp)
				}
				w.Advance(2 * time.Minute)
				if c.ends != (w.GaveUp != nil) {
					t.Errorf("the leader gives up: %v; want %t", w.GaveUp, c.ends)
				}
				if !c.ends {
					look(t, w, 0, c.missing)
					return
				}
				look(t, w, c.missing, 0)
				w.GaveUp = nil
			}
		})
	}
}

// look demands that a leader waits for as many agents, and knows as many to be unreachable.
func look(t *testing.T, c *mastertest.Cluster, awaited, unreachable int) {
	t.Helper()
	c.Do(func(m *master.Master) {
		if a, u := m.Book().NumRecovered(), m.Book().NumUnreachable(); a != awaited || u != unreachable {
			t.Errorf("%d agents are awaited and %d unreachable, want %d and %d", a, u, awaited, unreachable)
		}
	})
}
