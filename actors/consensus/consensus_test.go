package consensus_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus"
	"meseta/actors/consensus/consensustest"
	"meseta/actors/election"
	"meseta/messages/pb/consensuspb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// group is a cluster in a test.
type group struct {
	testing.TB
	*consensustest.Cluster
}

func newGroup(t *testing.T, masters int, options func(*consensus.Options)) *group {
	t.Helper()
	return startGroup(t, consensustest.Config{Masters: masters, Options: options})
}

// startGroup starts masters, of which nothing is pending and none has panicked at the end of the test.
func startGroup(t *testing.T, config consensustest.Config) *group {
	t.Helper()
	config.Seed, config.Machine = 1, func() consensus.Machine { return &journal{} }
	c, err := consensustest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.End(t, c.World) })
	return &group{t, c}
}

// elect waits for a leader.
func (g *group) elect() *consensustest.Node {
	g.Helper()
	leader, err := g.Elect(10 * time.Second)
	if err != nil {
		g.Fatal(err)
	}
	return leader
}

// propose has the leader do something.
func (g *group) propose(command string) {
	g.Helper()
	if err := g.elect().Propose([]byte(command), 5*time.Second); err != nil {
		g.Fatalf("propose %s: %v", command, err)
	}
}

// others returns the nodes besides one.
func (g *group) others(n *consensustest.Node) []*consensustest.Node {
	return slices.DeleteFunc(slices.Clone(g.Nodes), func(o *consensustest.Node) bool { return o == n })
}

// agree waits until all that are up have done these commands.
func (g *group) agree(commands ...string) {
	g.Helper()
	var which *consensustest.Node
	same := func() bool {
		for _, n := range g.Nodes {
			if which = n; n.Up && !slices.Equal(journalOf(n), commands) {
				return false
			}
		}
		return true
	}
	if !g.RunUntil(same, 10*time.Second) {
		g.Fatalf("%s has done %q, want %q", which.Addr, journalOf(which), commands)
	}
}

// members waits until the group has n members that count.
func (g *group) members(n int) {
	g.Helper()
	count := func() (all int) {
		for _, m := range g.elect().Member.Masters() {
			if !m.Joins {
				all++
			}
		}
		return all
	}
	if !g.RunUntil(func() bool { return count() == n }, 10*time.Second) {
		g.Fatalf("the masters are %+v, want %d", g.elect().Member.Masters(), n)
	}
}

// joined waits until the process of n is a member.
func (g *group) joined(n *consensustest.Node) {
	g.Helper()
	if !g.RunUntil(func() bool { return consensus.Votes(n.Member) }, 20*time.Second) {
		g.Fatalf("%s is no member", n.Addr)
	}
}

func (g *group) start(n *consensustest.Node) {
	g.Helper()
	if err := n.Start(); err != nil {
		g.Fatal(err)
	}
}

// await waits for a future.
func await[T any](g *group, f runtime.Future[T]) (T, error) {
	return sim.Await(g.World, f, 10*time.Second)
}

// One after the other, two leaders die. What they did is done, and the last member does nothing alone.
func TestALeaderIsReplaced(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	g.propose("a")
	first := g.elect()
	first.Crash()
	died := g.Now()
	second := g.elect()
	if took := g.Now().Sub(died); took > 3*time.Second {
		t.Errorf("it took %s to replace a leader", took)
	}
	g.propose("b")
	g.agree("a", "b")
	second.Kill()
	if leader, err := g.Elect(time.Minute); err == nil {
		t.Errorf("%s leads alone", leader.Addr)
	}
	g.start(first)
	g.propose("c")
	g.start(second)
	g.agree("a", "b", "c")
}

// A leader that is cut off leads no longer than its lease, before another one leads, and all that it was asked ends.
func TestALeaderIsCutOff(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	old := g.elect()
	for _, n := range g.others(old) {
		g.Partition(old.Addr, n.Addr)
	}
	lost := consensus.Propose(old.Ref, []byte("lost"))
	stops := consensus.Leading(old.Ref, true)
	g.RunUntil(func() bool { return !old.Leads() || len(g.Leaders()) > 1 }, 10*time.Second)
	if old.Leads() {
		t.Error("two masters lead")
	}
	if leads, err := await(g, stops); leads || err != nil {
		t.Errorf("it is told that it leads: %v, %v", leads, err)
	}
	if _, err := await(g, lost); !errors.Is(err, consensus.ErrLost) {
		t.Errorf("what it could not do: %v", err)
	}
	if err := old.Propose([]byte("late"), time.Second); !errors.Is(err, consensus.ErrLost) {
		t.Errorf("what it was asked later: %v", err)
	}
	g.propose("a")
	g.HealAll()
	g.agree("a")
}

// A process that is stopped for a while knows when it goes on that it may lead no longer.
func TestTimeThatPassedUnnoticed(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	old := g.elect()
	for _, n := range g.others(old) {
		g.Partition(old.Addr, n.Addr)
	}
	g.SetClock(old.Addr, time.Minute)
	g.Advance(200 * time.Millisecond)
	if old.Leads() {
		t.Error("it leads, after a minute without the others")
	}
}

// Futures end with the node, and errors are those of the machine.
func TestEveryProposalEnds(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	if err := leader.Propose([]byte("refused"), time.Second); !errors.Is(err, errRefused) {
		t.Errorf("the machine's error is %v", err)
	}
	pending := consensus.Propose(leader.Ref, []byte("x"))
	leader.Member.Terminate()
	g.Settle()
	if _, done, err := pending.Peek(); !done || !errors.Is(err, runtime.ErrTerminated) {
		t.Errorf("done %v, %v", done, err)
	}
}

// A disk that cannot be written ends the member, which does not know what is on it.
func TestADiskThatFailsEndsTheMember(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	broken := errors.New("broken")
	g.Disk(leader.Addr).Intercept(func(op sim.Op) error {
		if op.Kind == sim.OpSync {
			return broken
		}
		return nil
	})
	if err := leader.Propose([]byte("x"), 5*time.Second); !errors.Is(err, consensus.ErrLost) {
		t.Errorf("the proposal ended with %v", err)
	}
	if !errors.Is(leader.GaveUp, broken) {
		t.Errorf("it gave up because of %v", leader.GaveUp)
	}
	g.elect()
}

// Members that were away get what they missed, as entries or as a snapshot.
func TestWhoWasAwayCatchesUp(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, func(o *consensus.Options) { o.CompactAt, o.Keep = 500, 3 })
	away := g.others(g.elect())[0]
	away.Kill()
	var all []string
	for i := range 100 {
		all = append(all, fmt.Sprint("command ", i))
		g.propose(all[i])
	}
	g.start(away)
	g.agree(all...)
}

// A master whose disk is lost joins in place of the one that it was, and a group of three can lose another one then.
func TestAMachineIsReplaced(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	g.propose("a")
	lost := g.others(g.elect())[0]
	if err := lost.Wipe(); err != nil {
		t.Fatal(err)
	}
	g.start(lost)
	g.agree("a")
	g.joined(lost)
	g.others(g.elect())[0].Crash()
	g.propose("b")
	g.agree("a", "b")
}

// intruder is an actor on a machine that is no master's. It says that it is one.
type intruder struct {
	runtime.Actor
	heard []string
}

func (i *intruder) Initialize() {
	runtime.Install(i, func(runtime.PID, *consensuspb.HelloMessage) { i.heard = append(i.heard, "hello") })
	runtime.Install(i, func(runtime.PID, *consensuspb.ChallengeMessage) { i.heard = append(i.heard, "challenge") })
	runtime.Install(i, func(runtime.PID, *consensuspb.StepMessage) { i.heard = append(i.heard, "step") })
}

// Whoever only says that it is a master learns nothing and changes nothing, under its own name and under that of another.
func TestAnIntruderIsNoMember(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	i := &intruder{}
	runtimetest.Spawn(t, g.Node("10.0.0.66:5050"), consensus.ID, i)
	for range 5 {
		for _, n := range g.Nodes {
			for _, address := range []string{"10.0.0.66:5050", "10.0.0.1:5050", "10.0.0.2:5050", "10.0.0.3:5050"} {
				i.Send(n.Ref.PID(), &consensuspb.HelloMessage{Member: &consensuspb.Member{Id: 77, Address: address}})
				i.Send(n.Ref.PID(), &consensuspb.HelloMessage{Member: &consensuspb.Member{Id: 77, Address: address}, Formed: true, Proof: 1})
			}
			i.Send(n.Ref.PID(), &consensuspb.ChallengeMessage{Number: 1})
			i.Send(n.Ref.PID(), &consensuspb.FarewellMessage{Id: 77})
			i.Send(n.Ref.PID(), &consensuspb.StepMessage{To: 77, Message: []byte("x")})
		}
		g.Advance(time.Second)
	}
	if len(i.heard) > 0 {
		t.Errorf("it was told %q", i.heard)
	}
	if now := g.elect(); now != leader || len(now.Member.Masters()) != 3 {
		t.Errorf("%s leads %v", now.Addr, now.Member.Masters())
	}
	g.propose("a")
	g.agree("a")
}

// No group is founded while a master of the list is missing, and there is none beside one that exists: not even by the
// master that founded it and has lost its disk.
func TestOneGroupIsFounded(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	g.Nodes[2].Kill()
	if leader, err := g.Elect(time.Minute); err == nil {
		t.Fatalf("%s leads a group that lacks a master", leader.Addr)
	}
	g.start(g.Nodes[2])
	g.propose("a")
	founder, peer := g.Nodes[0], g.Nodes[1]
	if err := founder.Wipe(); err != nil {
		t.Fatal(err)
	}
	peer.Kill()
	g.start(founder)
	if leader, err := g.Elect(time.Minute); err == nil {
		t.Fatalf("%s leads although nobody else can know what the group agreed on", leader.Addr)
	}
	g.start(peer)
	g.propose("b")
	g.agree("a", "b")
}

// The master that has a state founds the group with it. There must be only one.
func TestAGroupBeginsWithAState(t *testing.T) {
	t.Parallel()
	seeded := map[int]bool{1: true}
	started := -1
	g := newGroup(t, 3, func(o *consensus.Options) {
		if started++; seeded[started%3] {
			o.Seed = []byte("before")
		}
	})
	g.propose("a")
	g.agree("before", "a")
	seeded[2], started = true, -1
	g = newGroup(t, 3, func(o *consensus.Options) {
		if started++; seeded[started%3] {
			o.Seed = []byte("before")
		}
	})
	if leader, err := g.Elect(time.Minute); err == nil {
		t.Errorf("%s leads although two masters have a state", leader.Addr)
	}
}

// Operators remove a master and have another one lead.
func TestOperatorsChangeTheGroup(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	next, last := g.others(leader)[0], g.others(leader)[1]
	do := func(n *consensustest.Node, method func(*consensus.Member, string) runtime.Future[struct{}], address, want string) {
		t.Helper()
		_, err := await(g, runtime.Ask(n.Ref, method, address))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	do(next, (*consensus.Member).Transfer, leader.Addr, "does not lead")
	do(leader, (*consensus.Member).Transfer, "10.0.0.9:5050", "no master of the group is at 10.0.0.9:5050; they are at 10.0.0.1:5050, ")
	do(leader, (*consensus.Member).Transfer, leader.Addr, "leads already")
	do(leader, (*consensus.Member).Transfer, next.Addr, "")
	if now := g.elect(); now != next {
		t.Errorf("%s leads", now.Addr)
	}
	do(next, (*consensus.Member).Remove, next.Addr, "transfer the leadership first")
	last.Crash()
	g.Advance(3 * time.Second)
	do(next, (*consensus.Member).Transfer, last.Addr, "is not heard, so it cannot lead")
	do(next, (*consensus.Member).Remove, leader.Addr, "no majority of the rest")
	do(next, (*consensus.Member).Remove, last.Addr, "")
	do(next, (*consensus.Member).Remove, leader.Addr, "")
	g.propose("alone")
	if masters := next.Member.Masters(); len(masters) != 1 || !masters[0].Leads || masters[0].Address != next.Addr {
		t.Errorf("the masters are %+v", masters)
	}
	if members, err := consensus.Read(g.Disk(leader.Addr), consensustest.Directory, &journal{}); err != nil || len(members) == 1 {
		t.Errorf("a log of several members says %v, %v", members, err)
	}
	alone := &journal{}
	if members, err := consensus.Read(g.Disk(next.Addr), consensustest.Directory, alone); err != nil ||
		!slices.Equal(members, []string{next.Addr}) || !slices.Equal(alone.commands, []string{"alone"}) {
		t.Errorf("the log of the last member says %v, %v; it has done %q", members, err, alone.commands)
	}
	g.start(last)
	g.Advance(5 * time.Second)
	if !errors.Is(last.GaveUp, consensus.ErrRemoved) {
		t.Errorf("the master that was removed while it was away: %v", last.GaveUp)
	}
	if err := last.Wipe(); err != nil {
		t.Fatal(err)
	}
	g.start(last)
	g.agree("alone")
	g.members(2)
}

// The leader announces the master that contends on its node. All detect it, and that nobody leads when it is gone.
func TestTheLeaderIsDetected(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	contend := func(n *consensustest.Node) {
		info := election.MasterInfo(runtime.PID{ID: "master", Addr: n.Addr})
		info.Id = proto.String("the master at " + n.Addr)
		if _, err := await(g, consensus.Election{Standalone: n.Leader, Member: n.Ref}.Contend(info)); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range g.Nodes {
		contend(n)
	}
	leader := g.elect()
	var last *mesospb.MasterInfo
	for _, n := range g.Nodes {
		info, err := await(g, n.Leader.Detect(nil))
		if err != nil || info.GetId() != "the master at "+leader.Addr {
			t.Errorf("%s detects %v, %v", n.Addr, info, err)
		}
		last = info
	}
	other := g.others(leader)[0]
	leader.Crash()
	if info, err := await(g, other.Leader.Detect(last)); info != nil || err != nil {
		t.Errorf("detected %v, %v when the leader is gone", info, err)
	}
	if info, err := await(g, other.Leader.Detect(nil)); err != nil || info.GetId() == last.GetId() {
		t.Errorf("detected %v, %v", info, err)
	}
}

// A member starts only as the one that its directory is of, and only if it is one of the masters.
func TestAMemberKnowsWhoItIs(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 1, func(o *consensus.Options) { o.Masters = []string{"10.0.0.7:5050"} })
	g.Settle()
	if err := g.Nodes[0].GaveUp; err == nil || !strings.Contains(err.Error(), "10.0.0.1:5050, is not among those of the masters") {
		t.Errorf("it gave up because of %v", err)
	}
}
