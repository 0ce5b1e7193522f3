package consensus_test

import (
	"strings"
	"testing"
	"time"

	"meseta/actors/consensus/consensustest"
)

// Masters that are there are active at every moment, so that what operators ask for is never refused by chance.
func TestMastersAreActiveAllTheTime(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	g.Advance(time.Second)
	for range 200 {
		g.Advance(10 * time.Millisecond)
		for _, m := range leader.Member.Masters() {
			if !m.Active {
				t.Fatalf("%s is not active", m.Address)
			}
		}
	}
	lost := g.others(leader)[0]
	lost.Kill()
	g.Advance(2 * time.Second)
	for _, m := range leader.Member.Masters() {
		if m.Active == (m.Address == lost.Addr) {
			t.Errorf("%s is active: %t", m.Address, m.Active)
		}
	}
}

// says waits until a master says what is wrong.
func (g *group) says(n *consensustest.Node, want string) {
	g.Helper()
	if !g.RunUntil(func() bool {
		return strings.Contains(n.Member.Problem(), want) && (want != "" || n.Member.Problem() == "")
	}, time.Minute) {
		g.Errorf("%s says %q, want %q", n.Addr, n.Member.Problem(), want)
	}
}

// What is wrong with a group is said: what it waits for before it is founded, that it would not survive the end of one more, and who is
// missing when none leads.
func TestMastersSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	g := startGroup(t, consensustest.Config{Masters: 3, Late: true})
	first, second, third := g.Nodes[0], g.Nodes[1], g.Nodes[2]
	g.start(first)
	g.says(first, "not founded yet: all of them are needed, with the same flags, and nothing is heard of those at "+second.Addr+", "+third.Addr)
	g.start(second)
	g.says(first, "nothing is heard of those at "+third.Addr)
	g.start(third)
	leader := g.elect()
	g.says(leader, "")
	others := g.others(leader)
	others[0].Kill()
	g.says(leader, "if one more master ends, none leads until it is back, since a majority is needed: of 3, those at "+others[0].Addr+" are not heard")
	leader.Kill()
	g.Advance(3 * time.Second)
	if problem := others[1].Member.Problem(); problem != "" {
		t.Errorf("an election is none: %s", problem)
	}
	g.says(others[1], "has no leader: a majority of 3 is needed, and those at ")
	g.start(others[0])
	g.says(others[1], "those at "+leader.Addr)
	g.start(leader)
	g.says(g.elect(), "")
	g.says(others[1], "")
}

// A group of two is told that it is none that survives anything.
func TestTwoMastersAreTold(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2, nil)
	g.says(g.elect(), "if one of the 2 masters of the group ends, none leads until it is back")
}
