package consensus_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"meseta/actors/consensus"
	"meseta/actors/consensus/consensustest"
	"meseta/actors/election"
	"meseta/actors/election/electiontest"
	"meseta/messages/mesosjson"
	"meseta/runtime"
)

// newAssembly starts masters that find each other in ZooKeeper.
func newAssembly(t *testing.T, masters, quorum int, options func(*consensus.Options)) *group {
	t.Helper()
	return startGroup(t, consensustest.Config{Masters: masters, Quorum: quorum, Options: options})
}

// named returns whom ZooKeeper names as the leader.
func (g *group) named() string {
	var names []string
	for path, data := range g.ZooKeeper.Nodes() {
		if strings.HasPrefix(path, "/mesos/json.info_") {
			names = append(names, path+data)
		}
	}
	slices.Sort(names)
	for _, n := range g.Nodes {
		if len(names) > 0 && strings.Contains(names[0], `"pid":"master@`+n.Addr+`"`) {
			return n.Addr
		}
	}
	return ""
}

// leads waits until a master leads the group and the cluster, as ZooKeeper has it.
func (g *group) leads() *consensustest.Node {
	g.Helper()
	var leader *consensustest.Node
	if !g.RunUntil(func() bool {
		leader = nil
		for _, n := range g.Nodes {
			if n.Up && n.Leads() && n.Master.Leads() && g.named() == n.Addr {
				leader = n
			}
		}
		return leader != nil
	}, 30*time.Second) {
		g.Fatalf("%s is named; the leaders are %v; nodes %q", g.named(), g.Leaders(), slices.Sorted(maps.Keys(g.ZooKeeper.Nodes())))
	}
	return leader
}

// Masters find each other by the nodes that Mesos's have as well, and found their group once as many as that takes are there.
// Who leads it has the lowest node.
func TestMastersMeetInZooKeeper(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 3, 2, nil)
	g.Nodes[2].Kill()
	if leader, err := g.Elect(time.Minute); err == nil {
		t.Fatalf("%s leads a group of two", leader.Addr)
	}
	g.start(g.Nodes[2])
	first := g.leads()
	g.members(3)
	nodes := g.ZooKeeper.Nodes()
	var replicas []string
	for path, data := range nodes {
		if strings.HasPrefix(path, "/mesos/log_replicas/") {
			replicas = append(replicas, data)
		}
	}
	slices.Sort(replicas)
	if want := []string{"consensus@10.0.0.1:5050", "consensus@10.0.0.2:5050", "consensus@10.0.0.3:5050"}; !slices.Equal(replicas, want) {
		t.Errorf("the replicas are %q, want %q", replicas, want)
	}
	g.propose("a")
	g.agree("a")
	for range 4 {
		died := g.Now()
		first.Kill()
		second := g.leads()
		if took := g.Now().Sub(died); took > 5*time.Second {
			t.Errorf("after %s another master leads", took)
		}
		for _, n := range g.others(second) {
			if n.Up && election.PID(n.Master.Leader).Addr != second.Addr {
				g.Advance(time.Second)
			}
			if n.Up && election.PID(n.Master.Leader).Addr != second.Addr {
				t.Errorf("%s takes %v for the leader, not %s", n.Addr, n.Master.Leader, second.Addr)
			}
		}
		g.start(first)
		g.Advance(time.Second)
		first = second
	}
}

// A master that is not needed waits. It takes the place of one that is gone for long, and that one does not come back.
func TestASpareMasterTakesAPlace(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 4, 2, nil)
	leader := g.leads()
	g.Advance(2 * time.Minute)
	g.members(3)
	var spare, lost *consensustest.Node
	for _, n := range g.Nodes {
		if !consensus.Votes(n.Member) {
			spare = n
		} else if n != leader {
			lost = n
		}
	}
	g.says(spare, "this master waits until one of the group is gone for --master_replacement_timeout")
	g.propose("a")
	lost.Crash()
	g.Advance(30 * time.Second)
	if consensus.Votes(spare.Member) {
		t.Error("a master that is gone for a moment has lost its place")
	}
	g.Advance(time.Minute)
	g.joined(spare)
	g.members(3)
	g.agree("a")
	g.start(lost)
	g.Advance(5 * time.Second)
	if lost.GaveUp == nil {
		t.Error("the master that was replaced has come back")
	}
	g.others(g.elect())[0].Kill()
	g.propose("b")
}

// A master that waits for a place is none that anybody should follow, however long it has been there: when all others have been
// started again, one of these has the lowest node.
func TestASpareMasterIsNotNamed(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 4, 2, nil)
	g.leads()
	for _, n := range g.Nodes {
		if !consensus.Votes(n.Member) {
			continue
		}
		n.Kill()
		g.Advance(2 * consensustest.SessionTimeout)
		g.start(n)
		g.leads()
	}
}

// The nodes in ZooKeeper are lost, and the disks of two masters. The third one belongs to the group still: nobody founds
// another one beside it.
func TestNoSecondGroup(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 4, 2, nil)
	leader := g.leads()
	g.propose("a")
	g.loseNodes()
	g.Advance(5 * time.Second)
	if g.ZooKeeper.Nodes()["/mesos/log_group"] == "" {
		t.Error("what was agreed on is not written again")
	}
	g.propose("b")
	var members []*consensustest.Node
	for _, n := range g.others(leader) {
		if consensus.Votes(n.Member) {
			members = append(members, n)
		}
	}
	for _, n := range g.others(leader) {
		if err := n.Wipe(); err != nil {
			t.Fatal(err)
		}
	}
	leader.Kill()
	g.loseNodes()
	g.Advance(20 * time.Second)
	for _, n := range g.Nodes {
		g.start(n)
	}
	if other, err := g.Elect(5 * time.Minute); err == nil {
		t.Errorf("%s leads although most of the group %s is lost", other.Addr, members[0].Addr)
	}
}

// A master whose group is not the one in ZooKeeper ends. Masters that were there without it have founded another one.
func TestAMasterOfAnotherGroup(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 4, 2, nil)
	old := g.leads()
	g.propose("a")
	old.Kill()
	for _, n := range g.others(old) {
		if err := n.Wipe(); err != nil {
			t.Fatal(err)
		}
	}
	g.loseNodes()
	g.Advance(20 * time.Second)
	for _, n := range g.others(old) {
		g.start(n)
	}
	g.leads()
	g.start(old)
	g.Advance(10 * time.Second)
	if old.GaveUp == nil || !strings.Contains(old.GaveUp.Error(), "belongs to another group") {
		t.Errorf("the master of the old group: %v", old.GaveUp)
	}
	g.propose("b")
}

// loseNodes is a ZooKeeper that has lost all data that sessions do not hold.
func (g *group) loseNodes() {
	for path := range g.ZooKeeper.Nodes() {
		if path == "/mesos/log_group" {
			g.ZooKeeper.Remove(path)
		}
	}
}

// Without the leave to, masters found a group only if one has a state to begin with, wherever it has come in.
func TestAGroupIsFoundedOnlyWithLeave(t *testing.T) {
	t.Parallel()
	for seeded, want := range map[int]bool{-1: false, 0: true, 3: true} {
		started := 0
		g := newAssembly(t, 4, 2, func(o *consensus.Options) {
			o.ZooKeeper.Found = false
			if started == seeded {
				o.Seed = []byte("before")
			}
			started++
		})
		if leader, err := g.Elect(time.Minute); (err == nil) != want {
			t.Errorf("master %d has a state: %v leads", seeded, leader)
		}
		if want {
			g.propose("a")
			g.RunUntil(func() bool { return slices.Equal(journalOf(g.elect()), []string{"before", "a"}) }, time.Second)
			if done := journalOf(g.elect()); !slices.Equal(done, []string{"before", "a"}) {
				t.Errorf("master %d has a state: the group has done %q", seeded, done)
			}
		}
	}
}

// A leader that ZooKeeper does not hear ends, and one that the others do not hear leads no more, whatever node it has.
func TestWhoLeadsHasTheLowestNode(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 3, 2, nil)
	first := g.leads()
	first.Client.Cut()
	g.Advance(2 * consensustest.SessionTimeout)
	if first.Up {
		t.Error("the leader that has no session with ZooKeeper goes on")
	}
	second := g.leads()
	g.start(first)
	g.Advance(5 * time.Second)
	for _, n := range g.others(second) {
		g.Partition(second.Addr, n.Addr)
	}
	g.Advance(5 * time.Second)
	if third := g.leads(); third == second {
		t.Error("the leader that is cut off from the others still leads")
	}
	g.HealAll()
	if second.Up {
		t.Error("the leader that was cut off goes on")
	}
}

// foreign has a master of another kind come, and returns its session and its node.
func (g *group) foreign() (client *electiontest.Client, node string) {
	g.Helper()
	client = g.ZooKeeper.Client()
	session, err := client.Open(g.Context(), 0, func(zk.Event) {})
	if err != nil {
		g.Fatal(err)
	}
	create := func(path string, data []byte, flags int32) string {
		made, err := session.Create(path, data, flags, nil)
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			g.Fatal(err)
		}
		return made
	}
	create("/mesos", nil, 0)
	create("/mesos/log_replicas", nil, 0)
	create("/mesos/log_replicas/", []byte("log-replica(1)@10.0.2.1:5050"), zk.FlagEphemeral|zk.FlagSequence)
	info := election.MasterInfo(runtime.PID{ID: "master", Addr: "10.0.2.1:5050"})
	return client, create("/mesos/json.info_", mesosjson.Sorted(mesosjson.Marshal(info)), zk.FlagEphemeral|zk.FlagSequence)
}

// Beside a master of another kind, as many masters as a quorum found their group, whatever state they have, and no more are needed. They
// announce themselves when they know what that one knows: if it ends before, nobody leads, and if it ends then, one of them does.
func TestAGroupBesideAForeignMaster(t *testing.T) {
	t.Parallel()
	for _, know := range []bool{false, true} {
		filled := false
		g := startGroup(t, consensustest.Config{Quorum: 2, Masters: 3, Late: true, Options: func(o *consensus.Options) {
			o.Seed, o.ZooKeeper.Filled = []byte("older"), func() bool { return filled }
		}})
		client, _ := g.foreign()
		g.start(g.Nodes[0])
		if leader, err := g.Elect(30 * time.Second); err == nil {
			t.Fatalf("%s has founded a group alone", leader.Addr)
		}
		g.start(g.Nodes[1])
		g.elect()
		g.members(2)
		g.Advance(10 * time.Second)
		for path, data := range g.ZooKeeper.Nodes() {
			if strings.Contains(path, "json.info_") && !strings.Contains(data, "10.0.2.1") {
				t.Errorf("%s is announced before it knows anything", data)
			}
		}
		g.propose("what that one knows")
		filled = know
		g.Advance(time.Second)
		client.Die()
		g.Advance(2 * consensustest.SessionTimeout)
		if !know {
			if name := g.named(); name != "" {
				t.Errorf("%s leads, which knows nothing", name)
			}
			g.says(g.elect(), "beside masters of another kind, which were gone before this one had read their registry")
			continue
		}
		g.leads()
		g.agree("what that one knows")
		g.start(g.Nodes[2])
		g.joined(g.Nodes[2])
		g.members(3)
		g.Advance(time.Second)
		announced := 0
		for path := range g.ZooKeeper.Nodes() {
			if strings.Contains(path, "json.info_") {
				announced++
			}
		}
		if announced != 3 {
			t.Errorf("%d masters are announced: %q", announced, slices.Sorted(maps.Keys(g.ZooKeeper.Nodes())))
		}
	}
}

// While a master of another kind has the lowest node, it leads the cluster. Masters of the group wait behind it, and leave
// its node alone.
func TestAForeignMasterLeads(t *testing.T) {
	t.Parallel()
	g := newAssembly(t, 3, 2, nil)
	g.leads()
	for _, n := range g.Nodes {
		n.Kill()
	}
	g.Advance(2 * consensustest.SessionTimeout)
	client, node := g.foreign()
	for _, n := range g.Nodes {
		g.start(n)
	}
	g.Advance(10 * time.Second)
	for _, n := range g.Nodes {
		if n.Master.Leads() || election.PID(n.Master.Leader).Addr != "10.0.2.1:5050" {
			t.Errorf("%s takes %v for the leader", n.Addr, n.Master.Leader)
		}
	}
	if g.ZooKeeper.Nodes()[node] == "" {
		t.Error("its node was removed")
	}
	client.Die()
	g.Advance(2 * consensustest.SessionTimeout)
	g.leads()
}
