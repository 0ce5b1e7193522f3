package consensus_test

import (
	"testing"
	"time"

	"meseta/actors/consensus"
	"meseta/actors/consensus/consensustest"
	"meseta/runtime"
)

// cut cuts a machine off from the others.
func (g *group) cut(n *consensustest.Node) {
	for _, o := range g.others(n) {
		g.Partition(n.Addr, o.Addr)
	}
}

// removed has the group remove a master that has crashed.
func (g *group) removed(leader, n *consensustest.Node) {
	g.Helper()
	if _, err := await(g, runtime.Ask(leader.Ref, (*consensus.Member).Remove, n.Addr)); err != nil {
		g.Fatal(err)
	}
}

// As soon as it is said of the third master that it has joined, any of the three may end, also the one that has said so.
func TestAMasterThatHasJoinedCounts(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	third := g.others(leader)[1]
	third.Crash()
	g.Advance(3 * time.Second)
	g.removed(leader, third)
	if err := third.Wipe(); err != nil {
		t.Fatal(err)
	}
	g.start(third)
	g.members(3)
	g.cut(leader) // what it has sent last does not arrive
	leader.Crash()
	g.Advance(time.Second)
	g.HealAll()
	g.elect()
}

// That a master is removed is said when the others know: until then they count with it, so that a leader of four that ends after one
// has been removed would leave none.
func TestAMasterThatIsRemovedCountsNoMore(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{true, false} {
		g := newGroup(t, 4, nil)
		leader := g.elect()
		fourth := g.others(leader)[2]
		fourth.Crash()
		g.Advance(3 * time.Second)
		removed := runtime.Ask(leader.Ref, (*consensus.Member).Remove, fourth.Addr)
		if !g.RunUntil(func() bool { return len(leader.Member.Masters()) == 3 }, time.Second) {
			t.Fatal("it is not removed")
		}
		if cut {
			g.cut(leader)
		}
		if _, err := await(g, removed); (err != nil) != cut {
			t.Errorf("cut off %t: %v", cut, err)
		}
		if !cut {
			leader.Crash()
			g.elect()
		}
	}
}
