package election_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/actors/election/electiontest"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// rival is a master as far as its leadership goes: it contends, follows the leader, and ends when it no longer leads.
type rival struct {
	runtime.Actor
	info     *mesospb.MasterInfo
	election *election.Election
	leader   *mesospb.MasterInfo
	ended    error
	elected  func(*rival)
}

func (r *rival) Initialize() {
	r.contend()
	r.detect()
}

func (r *rival) leads() bool {
	return r.ended == nil && r.leader != nil && r.leader.GetId() == r.info.GetId()
}

func (r *rival) contend() {
	runtime.Await(r, r.election.Contend(r.info), func(candidacy runtime.Future[struct{}], err error) {
		if err != nil {
			r.ended = err
			return
		}
		runtime.Await(r, candidacy, func(_ struct{}, err error) {
			switch {
			case err != nil:
				r.ended = err
			case r.leads():
				r.ended = errors.New("the candidacy of the leader was lost")
			default:
				r.contend()
			}
		})
	})
}

func (r *rival) detect() {
	runtime.Await(r, r.election.Detect(r.leader), func(leader *mesospb.MasterInfo, err error) {
		led := r.leads()
		switch r.leader = leader; {
		case err != nil:
			r.ended = err
			return
		case led:
			r.ended = errors.New("another leads")
		case r.leads():
			r.elected(r)
		}
		r.detect()
	})
}

// race is a world with a ZooKeeper and masters.
type race struct {
	*testing.T
	world   *sim.World
	zk      *electiontest.ZooKeeper
	url     string
	rivals  []*rival
	clients []*electiontest.Client
	starts  int
	both    string // two leaders at once, if there were any
}

const granted = 10 * time.Second

func newRace(t *testing.T, seed uint64) *race {
	r := &race{T: t, world: runtimetest.World(t, seed), zk: electiontest.New(granted), url: "zk://zk.example/a/mesos"}
	runtimetest.Spawn(t, r.world.Node("10.0.0.9:2181"), "zookeeper", r.zk)
	return r
}

// address is that of the master number i, and of its only node.
func address(i int) string { return fmt.Sprintf("10.0.0.%d:5050", i+1) }

// start starts the master number i, for the first time or again.
func (r *race) start(i int) *rival {
	r.Helper()
	z, err := election.ParseZooKeeper(r.url)
	if err != nil {
		r.Fatal(err)
	}
	r.starts++
	client, node := r.zk.Client(), r.world.Node(address(i))
	e, err := z.Enter(node, client, time.Minute)
	if err != nil {
		r.Fatal(err)
	}
	info := election.MasterInfo(runtime.PID{ID: "master", Addr: address(i)})
	info.Id = proto.String(fmt.Sprintf("m%d", r.starts))
	rival := &rival{info: info, election: e, elected: r.elected}
	runtimetest.Spawn(r, node, "master", rival)
	for len(r.rivals) <= i {
		r.rivals, r.clients = append(r.rivals, nil), append(r.clients, nil)
	}
	r.rivals[i], r.clients[i] = rival, client
	return rival
}

// kill ends the process of master i.
func (r *race) kill(i int) {
	r.world.Kill(address(i))
	r.clients[i].Die()
	r.rivals[i] = nil
}

func (r *race) leaders() []string {
	var all []string
	for _, m := range r.rivals {
		if m != nil && m.leads() {
			all = append(all, m.info.GetId())
		}
	}
	return all
}

// elected looks whether a new leader has rivals. A session that ZooKeeper expires although it is in use is told to all at
// the same moment, hence the delay.
func (r *race) elected(m *rival) {
	m.Delay(time.Millisecond, func() {
		if all := r.leaders(); len(all) > 1 && r.both == "" {
			r.both = fmt.Sprintf("%v lead at the same time", all)
		}
	})
}

// The first master that contends leads. When it is killed, the next one leads as soon as its session has expired.
func TestTheNextOneLeadsWhenTheSessionExpires(t *testing.T) {
	t.Parallel()
	r := newRace(t, 1)
	first := r.start(0)
	r.world.Advance(time.Second)
	second := r.start(1)
	r.world.Advance(time.Second)
	if !first.leads() || second.leads() || election.PID(second.leader).Addr != address(0) {
		t.Fatalf("%v lead, and the second one hears of %v", r.leaders(), second.leader)
	}
	nodes := slices.Sorted(maps.Keys(r.zk.Nodes()))
	want := []string{"/a", "/a/mesos", "/a/mesos/json.info_0000000000", "/a/mesos/json.info_0000000001"}
	if !slices.Equal(nodes, want) {
		t.Fatalf("nodes %q, want %q", nodes, want)
	}
	r.kill(0)
	r.world.Advance(granted - time.Second)
	if second.leads() {
		t.Fatal("the second one leads before the session of the first has expired")
	}
	r.world.Advance(2 * time.Second)
	if !second.leads() {
		t.Fatal("nobody leads")
	}
}

// A leader that is cut off from ZooKeeper ends no later than its session would. Its successor leads only then.
func TestACutOffLeaderEnds(t *testing.T) {
	t.Parallel()
	r := newRace(t, 1)
	r.zk.Late = func() time.Duration { return time.Second }
	first, second := r.start(0), r.start(1)
	r.world.Advance(time.Second)
	if second.leads() {
		first, second = second, first
		r.clients[0], r.clients[1] = r.clients[1], r.clients[0]
	}
	r.clients[0].Cut()
	r.world.Advance(granted - time.Millisecond)
	if !first.leads() {
		t.Fatalf("it gave up too early: %v", first.ended)
	}
	r.world.Advance(2 * time.Millisecond)
	if first.ended == nil || second.leads() {
		t.Fatalf("it ended with %v; %v lead", first.ended, r.leaders())
	}
	r.world.Advance(2 * time.Second)
	if !second.leads() {
		t.Fatal("nobody leads")
	}
}

// A short interruption costs nothing.
func TestAConnectionThatComesBack(t *testing.T) {
	t.Parallel()
	r := newRace(t, 1)
	first := r.start(0)
	r.world.Advance(time.Second)
	r.clients[0].Cut()
	r.world.Advance(granted / 2)
	second := r.start(1)
	r.world.Advance(time.Second)
	r.clients[0].Heal()
	r.world.Advance(time.Minute)
	if !first.leads() || second.leads() {
		t.Fatalf("%v lead; the first one ended with %v", r.leaders(), first.ended)
	}
}

// A standby whose session expires, or whose node an operator removes, contends again.
func TestAStandbyContendsAgain(t *testing.T) {
	t.Parallel()
	r := newRace(t, 1)
	first := r.start(0)
	r.world.Advance(time.Second)
	second := r.start(1)
	for range 3 {
		r.world.Advance(time.Second)
		r.clients[1].Expire()
		r.world.Advance(time.Second)
		nodes := slices.Sorted(maps.Keys(r.zk.Nodes()))
		r.zk.Remove(nodes[len(nodes)-1])
		r.world.Advance(time.Second)
		if n := len(r.zk.Nodes()); n != 4 {
			t.Fatalf("%d nodes, want the path and two masters: %v", n, r.zk.Nodes())
		}
	}
	if !first.leads() || second.ended != nil {
		t.Fatalf("%v lead; the second one ended with %v", r.leaders(), second.ended)
	}
	r.zk.Remove("/a/mesos/json.info_0000000000")
	r.world.Advance(time.Second)
	if first.ended == nil || !second.leads() {
		t.Fatalf("a leader without a node must end: %v; %v lead", first.ended, r.leaders())
	}
}

// A node that does not describe a master leads nobody astray, and is forgotten when it is gone.
func TestANodeThatIsNoMaster(t *testing.T) {
	t.Parallel()
	r := newRace(t, 1)
	stranger, err := r.zk.Client().Open(t.Context(), granted, func(zk.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/a", "/a/mesos", "/a/mesos/json.info_0000000000"} {
		if _, err := stranger.Create(path, []byte("{"), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	m := r.start(0)
	r.world.Advance(time.Minute)
	if m.leader != nil || m.ended != nil {
		t.Fatalf("it hears of %v, %v", m.leader, m.ended)
	}
	r.zk.Remove("/a/mesos/json.info_0000000000")
	r.world.Advance(time.Second)
	if !m.leads() {
		t.Fatal("it does not lead")
	}
}

// Whatever fails, never do two masters lead at once, and when all is well again one leads and everybody knows it.
func TestNeverTwoLeaders(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := newRace(t, seed)
		r.storm(seed)
		if r.both != "" {
			t.Fatalf("seed %d: %s", seed, r.both)
		}
		r.calm()
		if all := r.leaders(); len(all) != 1 {
			t.Fatalf("seed %d: %v lead after all is well", seed, all)
		}
		for _, m := range r.rivals {
			if m.leader.GetId() != r.leaders()[0] {
				t.Fatalf("seed %d: %s hears of %s, %s leads", seed, m.info.GetId(), m.leader.GetId(), r.leaders()[0])
			}
		}
		r.world.Close()
	}
}

// storm lets things fail for ten minutes.
func (r *race) storm(seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 1))
	r.world.SlowWork = 300 * time.Millisecond
	r.zk.Late = func() time.Duration { return time.Duration(1+dice.IntN(5000)) * time.Millisecond }
	r.zk.Flaky = func() (lost, done bool) { return dice.IntN(20) == 0, dice.IntN(2) == 0 }
	for i := range 3 {
		r.start(i)
	}
	for range 100 {
		r.world.Advance(time.Duration(dice.IntN(12000)) * time.Millisecond)
		r.revive()
		i := dice.IntN(3)
		switch dice.IntN(5) {
		case 0:
			r.kill(i)
		case 1:
			r.clients[i].Cut()
		case 2:
			r.clients[i].Expire()
		default:
			r.clients[i].Heal()
		}
	}
}

// revive starts masters again that have ended.
func (r *race) revive() {
	for i, m := range r.rivals {
		if m != nil && m.ended != nil {
			r.kill(i)
		}
		if r.rivals[i] == nil {
			r.start(i)
		}
	}
}

// calm lets everything work again, for long enough.
func (r *race) calm() {
	r.zk.Flaky = nil
	for range 3 {
		for _, c := range r.clients {
			c.Heal()
		}
		r.world.Advance(30 * time.Second)
		r.revive()
	}
	r.world.Advance(30 * time.Second)
}

// The test above notices masters that believe their session to last longer than it does.
func TestMastersThatDoNotEndAreNoticed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := newRace(t, seed)
		r.zk.Patient = true
		r.storm(seed)
		r.world.Close()
		if r.both != "" {
			return
		}
	}
	t.Error("two masters lead at once in none of 20 worlds")
}
