package replicated_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus"
	"meseta/actors/consensus/consensustest"
	"meseta/actors/registrar"
	"meseta/actors/registrar/registrartest"
	"meseta/actors/registrar/replicated"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

func newCluster(seed uint64, masters int, mistake func(*replicated.Machine)) (*consensustest.Cluster, error) {
	return consensustest.New(consensustest.Config{
		Seed: seed, Masters: masters,
		Machine: func() consensus.Machine {
			m := &replicated.Machine{}
			if mistake != nil {
				mistake(m)
			}
			return m
		},
		Options: func(o *consensus.Options) { o.CompactAt, o.Keep = 4000, 5 },
	})
}

func replicaOf(n *consensustest.Node) *replicated.Replica {
	return replicated.NewReplica(n.Ref, n.Machine.(*replicated.Machine), n.Member.Size)
}

// blocking is the leader's replica as a storage that blocks.
type blocking struct {
	*replicated.Replica
	world *sim.World
}

func (b *blocking) Lead(context.Context) (registrar.Term, map[string][]byte, error) {
	led, err := sim.Await(b.world, b.Replica.Lead(), 10*time.Second)
	return led.Term, led.Records, err
}

func (b *blocking) Commit(_ context.Context, term registrar.Term, changes []registrar.Change) error {
	_, err := sim.Await(b.world, b.Replica.Commit(term, changes), 10*time.Second)
	return err
}

func (b *blocking) Close() error { return nil }

// The registry in a group is a storage as any other. Before each use the leader crashes, and all that led before start again.
func TestTheGroupIsAStorage(t *testing.T) {
	c, err := newCluster(1, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	var old *consensustest.Node
	registrartest.Run(t, func(t *testing.T) registrar.Storage {
		if old != nil {
			old.Crash()
		}
		leader, err := c.Elect(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if old != nil {
			if err := old.Start(); err != nil {
				t.Fatal(err)
			}
		}
		old = leader
		return &blocking{replicaOf(leader), c.World}
	})
	c.Close()
	for _, n := range c.Living() {
		runtimetest.Quiet(t, n)
	}
}

// A state survives being written down, and says its records.
func TestSeed(t *testing.T) {
	t.Parallel()
	want := map[string][]byte{"a": []byte("1"), "empty": {}}
	got, err := replicated.Records(replicated.Seed(want))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := replicated.Records([]byte("no state")); err == nil {
		t.Error("nonsense is a state")
	}
}

// writer is a master's registrar: it counts, from what it has read when its term began. It does not look at whether its
// master still leads.
type writer struct {
	node    *consensustest.Node
	machine consensus.Machine
	replica *replicated.Replica
	term    registrar.Term // 0: it has none
	count   int
	busy    bool
}

// counting is a storm in which every master that ever led writes.
type counting struct {
	*consensustest.Weather
	writers []*writer
	written map[int]registrar.Term // the acknowledged counts, and who wrote them
	highest int
	problem error
}

func count(seed uint64, mistake func(*replicated.Machine)) (*counting, error) {
	c, err := newCluster(seed, 3, mistake)
	if err != nil {
		return nil, err
	}
	s := &counting{Weather: consensustest.NewWeather(c, seed), written: map[int]registrar.Term{}}
	for _, n := range c.Nodes {
		s.writers = append(s.writers, &writer{node: n})
	}
	for range 120 {
		if s.Chance.IntN(3) == 0 {
			if err := s.Change(); err != nil {
				return s, err
			}
		}
		for _, w := range s.writers {
			s.write(w)
		}
		if s.While(); s.problem != nil {
			return s, s.problem
		}
	}
	return s, s.end()
}

// write has a writer do the next thing: begin a term, or count.
func (s *counting) write(w *writer) {
	if w.machine != w.node.Machine {
		*w = writer{node: w.node, machine: w.node.Machine, replica: replicaOf(w.node)} // a new process
	}
	if w.busy || !w.node.Up {
		return
	}
	if w.term == 0 {
		if w.node.Leads() {
			s.lead(w)
		}
		return
	}
	w.busy = true
	next, term, machine := w.count+1, w.term, w.machine
	done := w.replica.Commit(term, []registrar.Change{{Key: "count", Value: []byte(strconv.Itoa(next))}})
	done.OnAny(func(_ struct{}, err error) {
		if err == nil {
			s.acknowledge(next, term)
		}
		if w.machine == machine {
			w.busy = false
			if err == nil {
				w.count = next
			} else if s.Chance.IntN(25) == 0 {
				w.term = 0 // a master would end; this one is stubborn
			}
		}
	})
}

func (s *counting) lead(w *writer) {
	w.busy = true
	machine := w.machine
	w.replica.Lead().OnAny(func(led registrar.Led, err error) {
		if w.machine != machine {
			return
		}
		w.busy = false
		if err == nil {
			w.term = led.Term
			w.count, _ = strconv.Atoi(string(led.Records["count"]))
		}
	})
}

// acknowledge notes that a count was written. Each is acknowledged once: who writes one has read all before it.
func (s *counting) acknowledge(n int, term registrar.Term) {
	if before, twice := s.written[n]; twice && s.problem == nil {
		s.problem = fmt.Errorf("count %d is written in term %d, and was in term %d", n, term, before)
	}
	s.written[n] = term
	s.highest = max(s.highest, n)
}

func (s *counting) end() error {
	if err := s.Clear(); err != nil {
		return err
	}
	leader, err := s.Elect(20 * time.Second)
	if err != nil {
		return err
	}
	led, err := sim.Await(s.World, replicaOf(leader).Lead(), 10*time.Second)
	if err != nil {
		return err
	}
	if n, _ := strconv.Atoi(string(led.Records["count"])); n < s.highest {
		return fmt.Errorf("%d was acknowledged, but %d is what is left", s.highest, n)
	}
	return s.problem
}

// However masters come and go, no two write side by side, and what was acknowledged is there in the end.
func TestNoTwoMastersWrite(t *testing.T) {
	t.Parallel()
	acknowledged, terms := 0, map[registrar.Term]bool{}
	for seed := range uint64(8) {
		s, err := count(seed+1, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed+1, err)
		}
		acknowledged += len(s.written)
		maps.DeleteFunc(s.written, func(_ int, term registrar.Term) bool { terms[term] = true; return true })
	}
	t.Logf("%d counts acknowledged in %d terms", acknowledged, len(terms))
	if acknowledged == 0 {
		t.Error("nothing was written")
	}
}

// A machine that does not look at the term lets two masters write.
func TestAMissingFenceIsFound(t *testing.T) {
	t.Parallel()
	const enough = 20
	for seed := range uint64(enough) {
		if _, err := count(seed+1, replicated.ForgetFence); err != nil {
			t.Logf("found by seed %d: %v", seed+1, err)
			return
		}
	}
	t.Errorf("not found by %d seeds", enough)
}

// Whoever is no leader is told that it has lost.
func TestFollowersMayNotWrite(t *testing.T) {
	t.Parallel()
	c, err := newCluster(1, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	leader, err := c.Elect(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		if n == leader {
			continue
		}
		if _, err := sim.Await(c.World, replicaOf(n).Lead(), time.Second); !errors.Is(err, registrar.ErrLost) {
			t.Errorf("%s leads: %v", n.Addr, err)
		}
		if _, err := sim.Await(c.World, replicaOf(n).Commit(1, nil), time.Second); !errors.Is(err, registrar.ErrLost) {
			t.Errorf("%s writes: %v", n.Addr, err)
		}
	}
}

func agent(id string) *mesospb.SlaveInfo {
	return &mesospb.SlaveInfo{Hostname: proto.String("host"), Id: ids.Agent(id).Proto()}
}

// The registrar of a leader keeps the registry in the group. When the leader loses its place, all that waits ends.
func TestARegistrarOnTheGroup(t *testing.T) {
	t.Parallel()
	c, err := newCluster(1, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	leader, err := c.Elect(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r := runtimetest.Spawn(t, leader.Member.Node(), "registrar", registrar.NewReplicated(replicaOf(leader), registrar.Defaults()))
	if _, err := sim.Await(c.World, registrar.Recover(r, &mesospb.MasterInfo{Id: proto.String("m"), Ip: proto.Uint32(0), Port: proto.Uint32(1)}), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if accepted, err := sim.Await(c.World, registrar.Apply(r, registrar.AdmitAgent{Info: agent("a1")}), 5*time.Second); !accepted || err != nil {
		t.Fatalf("admitted: %v, %v", accepted, err)
	}
	for _, n := range c.Nodes {
		c.Partition(leader.Addr, n.Addr)
	}
	var all []runtime.Future[bool]
	for i := range 10 {
		all = append(all, registrar.Apply(r, registrar.AdmitAgent{Info: agent(fmt.Sprint("b", i))}))
	}
	for _, f := range all {
		if _, err := sim.Await(c.World, f, 5*time.Second); !errors.Is(err, registrar.ErrLost) {
			t.Errorf("an operation of a leader that was cut off: %v", err)
		}
	}
	next, err := c.Elect(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r = runtimetest.Spawn(t, next.Member.Node(), "registrar", registrar.NewReplicated(replicaOf(next), registrar.Defaults()))
	registry, err := sim.Await(c.World, registrar.Recover(r, &mesospb.MasterInfo{Id: proto.String("m"), Ip: proto.Uint32(0), Port: proto.Uint32(1)}), 5*time.Second)
	if err != nil || len(registry.GetSlaves().GetSlaves()) != 1 {
		t.Errorf("the next leader reads %v, %v", registry, err)
	}
}
