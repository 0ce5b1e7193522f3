package simcluster_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/master"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// TestStorm has everything happen that can, at random, for hours of virtual time: tasks of all kinds are launched and
// killed; agents, executors, machines, schedulers and masters crash and come back; partitions come and go; messages that
// their senders repeat are lost. At every moment the master and its allocator must agree on who has what. When the storm
// is over and everybody is back, no task may have been lost in silence, none may have run twice or ended twice, and when
// the last one is killed nothing may be left of any.
//
// MESETA_SEED=n runs the storm of one seed; MESETA_SEEDS=n those of n seeds in place of the usual few.
func TestStorm(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("to see it again: MESETA_SEED=%d go test ./cmd/internal/suites/simcluster -run TestStorm", seed)
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
		})
	}
}

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
	for n := range number("MESETA_SEEDS", 5) {
		all = append(all, n+1)
	}
	return all
}

// storm is a cluster to which things happen.
type storm struct {
	*simcluster.Cluster
	chance *rand.Rand
	jobs   int
	cut    [][2]simcluster.Member // partitions
	loss   float64                // of what is repeated
}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{chance: rand.New(rand.NewPCG(seed, 0x73746f726d))}
	network := sim.DefaultNetwork
	network.MaxDelay = []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, 2 * time.Second}[s.chance.IntN(3)]
	offers := []time.Duration{master.Never, time.Minute}[s.chance.IntN(2)]
	s.Cluster = simcluster.New(t, simcluster.Config{
		Seed: seed, Agents: 3 + s.chance.IntN(3), Elected: s.chance.IntN(2) == 0, Network: &network,
		Silent:    os.Getenv("MESETA_SEED") == "",
		Configure: func(c *master.Config) { c.OfferTimeout = offers },
	})
	s.World.Intercept(s.lose)
	s.Framework("today", nil)
	s.Framework("impatient", func(f *mesospb.FrameworkInfo) { f.FailoverTimeout = proto.Float64(300) })
	s.Framework("unaware", func(f *mesospb.FrameworkInfo) { f.Capabilities = f.Capabilities[:1] })
	s.Framework("forgetful", func(f *mesospb.FrameworkInfo) { f.Checkpoint = nil })
	return s
}

// lose drops some of the messages that their senders repeat until they are answered.
func (s *storm) lose(e runtime.Envelope) sim.Verdict {
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
		{4, s.agentDies}, {8, s.agentStarts}, {2, s.machineDies}, {2, s.agentLeaves}, {4, s.executorsDie},
		{3, s.schedulerDies}, {6, s.schedulerStarts}, {1, s.schedulerIsReplaced},
		{2, s.masterDies}, {8, s.masterStarts},
		{5, s.partition}, {7, s.heal}, {3, s.lossChanges},
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

// ---- what can happen ----

func (s *storm) framework() *simcluster.Framework {
	return s.Frameworks[s.chance.IntN(len(s.Frameworks))]
}

func (s *storm) agent() *simcluster.Agent { return s.Agents[s.chance.IntN(len(s.Agents))] }

var programs = []string{
	"sleep 0", "sleep 1", "sleep 10", "sleep 100", "sleep 1000", "sleep 5; exit 1", "", "trap '' TERM; sleep 60",
}

func (s *storm) launch() {
	f := s.framework()
	for range 1 + s.chance.IntN(4) {
		s.jobs++
		f.Launch(simcluster.Job{
			ID: fmt.Sprintf("t%d", s.jobs), Program: programs[s.chance.IntN(len(programs))],
			CPUs: 0.1 + float64(s.chance.IntN(10))/10, Executor: []string{"", "x1", "x2"}[s.chance.IntN(3)],
		})
	}
}

func (s *storm) kill() {
	f := s.framework()
	if n := len(f.Order); n > 0 {
		f.Kill(f.Order[s.chance.IntN(n)])
	}
}

func (s *storm) reconcile() { s.framework().Reconcile() }

func (s *storm) agentDies() { s.agent().Kill() }

func (s *storm) agentStarts() {
	if a := s.agent(); !a.Living() {
		a.Start()
	}
}

func (s *storm) machineDies() { s.agent().PowerOff() }

func (s *storm) agentLeaves() {
	if a := s.agent(); a.Living() {
		a.Shutdown()
	}
}

func (s *storm) executorsDie() { s.agent().CrashExecutors() }

func (s *storm) schedulerDies() { s.framework().Crash() }

func (s *storm) schedulerStarts() {
	if f := s.framework(); !f.Living() {
		f.Crash()
		f.Start()
	}
}

func (s *storm) schedulerIsReplaced() { s.framework().Start() }

func (s *storm) masterDies() { s.Master.Crash() }

func (s *storm) masterStarts() {
	if !s.Master.Living() {
		s.Master.Start()
	}
}

func (s *storm) partition() {
	var other simcluster.Member = s.agent()
	if s.chance.IntN(3) == 0 {
		other = s.framework()
	}
	s.Partition(s.Master, other)
	s.cut = append(s.cut, [2]simcluster.Member{s.Master, other})
}

func (s *storm) heal() {
	if n := len(s.cut); n > 0 {
		i := s.chance.IntN(n)
		s.Heal(s.cut[i][0], s.cut[i][1])
		s.cut = slices.Delete(s.cut, i, i+1)
	}
}

func (s *storm) lossChanges() { s.loss = []float64{0, 0, 0.1, 0.5}[s.chance.IntN(4)] }

// ---- the end ----

// calm ends all that is wrong, and then all tasks.
func (s *storm) calm() {
	s.Helper()
	s.loss = 0
	s.World.HealAll()
	s.masterStarts()
	for _, a := range s.Agents {
		if !a.Living() {
			a.Start()
		}
	}
	s.Advance(15 * time.Minute) // the longest an agent waits to hear of its master
	for _, f := range s.Frameworks {
		if !f.Living() {
			f.Crash()
			f.Start()
		}
	}
	for _, a := range s.Agents {
		if !a.Living() { // it was told to shut down meanwhile
			a.Start()
		}
	}
	s.Advance(30 * time.Minute)
	s.Quiet()
	if s.Failed() {
		return
	}
	for _, f := range s.Frameworks {
		for _, id := range f.Order {
			f.Kill(id)
		}
	}
	s.Advance(15 * time.Minute)
	s.Quiet()
	s.empty()
}

// empty demands that nothing runs, and that all is offered or free.
func (s *storm) empty() {
	s.Helper()
	for _, a := range s.Agents {
		if left := a.Executors(); len(left) > 0 {
			s.Errorf("executors outlive their last task: %v", left)
		}
	}
	s.Master.Do(func(m *master.Master) {
		for _, a := range m.Book().Agents() {
			if tasks, used := a.Tasks(), a.Used(); len(tasks) > 0 || !used.IsEmpty() {
				s.Errorf("agent %s has %d tasks, and %v in use, when all are killed", a.ID, len(tasks), used)
			}
		}
	})
}
