package simcluster_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/master"
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/slave"
)

// TestStorm has everything happen that can, at random, for hours of virtual time: tasks of all kinds are launched and
// killed; agents, executors, machines, schedulers and masters crash and come back; operators drain agents, give them up,
// plan maintenance and tear frameworks down; partitions come and go, in one direction too; the disks of agents hang, and their
// clocks jump; messages that their senders repeat are lost. Some clusters remember nothing of the past and have no grace
// periods. At every moment the master and its allocator must agree on what each framework has. When the storm is over and all
// daemons are back, no task may have been lost in silence, none may have run twice or ended twice, every operator must have
// been answered, and when the last framework is torn down nothing may be left of any. Over the usual seeds, everything that
// can happen must have happened.
//
// MESETA_SEED=n runs the storm of one seed; MESETA_SEEDS=n those of n seeds in place of the usual few, from 1 on or from
// MESETA_FIRST=n on.
func TestStorm(t *testing.T) {
	t.Parallel()
	all := seeds(t)
	happened := newCensus()
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range all {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				t.Cleanup(func() {
					if t.Failed() {
						t.Log(again(seed, "TestStorm"))
					}
				})
				s := newStorm(t, seed)
				for range 150 {
					s.step()
					if s.Check(); t.Failed() {
						return
					}
				}
				s.calm()
				for _, problem := range s.updates.Problems(false) {
					t.Error(problem)
				}
				happened.add(s)
			})
		}
	})
	if !t.Failed() && len(all) >= manySeeds {
		happened.demand(t, rare...)
	}
	if !t.Failed() && len(all) >= usualSeeds {
		happened.demand(t, usual...)
	}
}

// again says how the storm of a seed is seen again.
func again(seed uint64, test string) string {
	return fmt.Sprintf("to see it again: MESETA_SEED=%d go test ./cmd/internal/suites/simcluster -run %s; with MESETA_TEST_LOG=1 to see what the "+
		"daemons log", seed, test)
}

const usualSeeds, manySeeds = 6, 60

// seeds are those to be run.
func seeds(t *testing.T) []uint64 {
	number := func(name string, otherwise uint64) uint64 {
		text, ok := os.LookupEnv(name)
		if !ok {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	if one := number("MESETA_SEED", 0); one != 0 {
		return []uint64{one}
	}
	var all []uint64
	first := number("MESETA_FIRST", 1)
	for n := range number("MESETA_SEEDS", usualSeeds) {
		all = append(all, first+n)
	}
	return all
}

// storm is a cluster to which things happen.
type storm struct {
	*simcluster.Cluster
	seed     uint64
	chance   *rand.Rand
	jobs     int
	cut      [][2]simcluster.Member // partitions
	loss     float64                // of what is repeated
	happened map[string]int         // what had an effect, and every type of message that was sent
	updates  simcluster.Updates
}

func newStorm(t *testing.T, seed uint64) *storm {
	return newStormOf(t, seed, 1, func(*simcluster.Config) {})
}

// newStormOf is a storm of one or several masters, whose cluster is changed before it begins.
func newStormOf(t testing.TB, seed uint64, masters int, change func(*simcluster.Config)) *storm {
	s := &storm{seed: seed, chance: rand.New(rand.NewPCG(seed, 0x73746f726d)), happened: map[string]int{}}
	network := sim.DefaultNetwork
	network.MaxDelay = []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, 2 * time.Second}[s.chance.IntN(3)]
	if masters > 1 {
		network.MaxDelay = min(network.MaxDelay, 200*time.Millisecond) // what is slower allows no elections within their time
	}
	config := simcluster.Config{
		Seed: seed, Agents: 3 + s.chance.IntN(3), Elected: s.chance.IntN(2) == 0, Network: &network,
		Masters: masters, Silent: os.Getenv("MESETA_SEED") == "", Configure: s.master(), Agent: s.slave(),
	}
	change(&config)
	s.Cluster = simcluster.New(t, config)
	if masters > 1 {
		s.ZooKeeper().Late = func() time.Duration { return time.Duration(s.chance.Int64N(int64(30 * time.Second))) }
		s.ZooKeeper().Patient = s.oneIn(3)
	}
	s.World.Intercept(s.observe)
	s.OnAcknowledged = s.updates.Safe
	s.frameworks()
	return s
}

// frameworks starts some, which differ in what they know and want.
func (s *storm) frameworks() {
	s.Framework("today", nil)
	s.Framework("impatient", func(f *mesospb.FrameworkInfo) { f.FailoverTimeout = proto.Float64(300) })
	s.Framework("unaware", func(f *mesospb.FrameworkInfo) { f.Capabilities = f.Capabilities[:1] })
	s.Framework("forgetful", func(f *mesospb.FrameworkInfo) { f.Checkpoint = nil })
	if len(s.Masters) == 0 { // the door is that of one address
		s.FrameworkOverHTTP("modern", nil)
		s.FrameworkOverHTTP("hurried", func(f *mesospb.FrameworkInfo) { f.FailoverTimeout = proto.Float64(0) })
	}
	for _, f := range s.Frameworks {
		f.Refusal = &mesospb.Filters{RefuseSeconds: proto.Float64([]float64{5, 60, 600, 3600}[s.chance.IntN(4)])}
	}
}

func (s *storm) oneIn(n int) bool { return s.chance.IntN(n) == 0 }

// master chooses how masters are.
func (s *storm) master() func(*master.Config) {
	offers := []time.Duration{master.Never, time.Minute}[s.chance.IntN(2)]
	forgets, strict, gc := s.seed%3 == 0, s.seed%4 == 1, s.seed%5 == 2
	return func(c *master.Config) {
		c.OfferTimeout = offers
		if forgets {
			c.Limits = book.Limits{}
		}
		if strict {
			c.RecoveryRemovalLimit = 0
		}
		if gc {
			c.RegistryMaxAgentCount, c.RegistryMaxAgentAge = 0, 0
		}
	}
}

// slave chooses how agents are.
func (s *storm) slave() func(*slave.Config) {
	forgets, hasty := s.seed%3 == 1, s.seed%2 == 0
	return func(c *slave.Config) {
		if forgets {
			c.MaxCompletedExecutors, c.GCDelay = 0, 0
		}
		if hasty {
			c.ExecutorShutdownGrace, c.RegistrationBackoff = 0, 0
		}
	}
}

// observe notes what is said, and drops some of the messages that their senders repeat until they are answered.
func (s *storm) observe(e runtime.Envelope) sim.Verdict {
	s.happened[string(e.Message.ProtoReflect().Descriptor().Name())]++
	s.updates.Observe(e)
	if s.loss > 0 && repeated(e) && s.chance.Float64() < s.loss {
		return sim.Drop
	}
	return sim.Pass
}

func repeated(e runtime.Envelope) bool {
	switch m := e.Message.(type) {
	case *internalpb.RegisterSlaveMessage, *internalpb.ReregisterSlaveMessage,
		*internalpb.PingSlaveMessage, *internalpb.PongSlaveMessage:
		return true
	case *internalpb.StatusUpdateMessage, *internalpb.StatusUpdateAcknowledgementMessage:
		return e.From.ID == "master" || e.To.ID == "master"
	case *schedulerpb.Call:
		return m.GetType() == schedulerpb.Call_SUBSCRIBE || m.GetType() == schedulerpb.Call_ACKNOWLEDGE
	}
	return false
}

// step lets one thing happen, and some time pass.
func (s *storm) step() {
	things := []struct {
		weight int
		happen func()
	}{
		{30, s.launch}, {10, s.kill}, {4, s.reconcile},
		{4, s.agentDies}, {8, s.agentStarts}, {2, s.machineDies}, {1, s.machineIsReplaced}, {2, s.agentLeaves}, {4, s.executorsDie},
		{3, s.diskStalls}, {2, s.clockJumps},
		{3, s.schedulerDies}, {6, s.schedulerStarts}, {1, s.schedulerIsReplaced},
		{2, s.masterDies}, {8, s.masterStarts},
		{5, s.partition}, {7, s.heal}, {3, s.lossChanges},
		{2, s.teardown}, {3, s.drain}, {2, s.markGone}, {2, s.deactivate}, {5, s.reactivate},
		{20, s.operations},
		{3, s.schedule}, {3, s.machineDown}, {5, s.machineUp}, {2, s.look},
	}
	total := 0
	for _, thing := range things {
		total += thing.weight
	}
	n := s.chance.IntN(total)
	for _, thing := range things {
		if n -= thing.weight; n < 0 {
			thing.happen()
			break
		}
	}
	s.Advance(s.while())
}

// while is a while: mostly moments, sometimes minutes.
func (s *storm) while() time.Duration {
	switch s.chance.IntN(10) {
	case 0:
		return time.Duration(s.chance.Int64N(int64(10 * time.Minute)))
	case 1, 2, 3:
		return time.Duration(s.chance.Int64N(int64(time.Minute)))
	case 4, 5:
		return time.Duration(s.chance.Int64N(int64(10 * time.Millisecond)))
	}
	return time.Duration(s.chance.Int64N(int64(2 * time.Second)))
}
