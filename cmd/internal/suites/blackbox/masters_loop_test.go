package blackbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"

	"meseta/actors/election/zookeepertest"
)

// number returns the value of an environment variable.
func number(t *testing.T, variable string, without int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Three masters are killed, stopped and ended at random moments while agents run tasks for schedulers of both APIs, and an
// operator changes what the registry holds. Each task ends once, has run once unless it never reached its agent, and each of its
// updates is acknowledged once. What a master has confirmed to the operator, and what the registry held before, each leader knows.
//
// MESETA_SEED chooses the moments, MESETA_ROUNDS=n has n masters fail instead of the usual few.
func TestMastersFailInALoopUnderLoad(t *testing.T) {
	t.Parallel()
	seed := uint64(number(t, "MESETA_SEED", 1))
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		m := newMasters(t, 3)
		newSiege(t, m, m.list, seed).goesOn(number(t, "MESETA_ROUNDS", len(blows)))
	})
	t.Run("ZooKeeper", func(t *testing.T) {
		t.Parallel()
		place := "zk://" + zookeepertest.Start(t).Address + "/mesos"
		m := newMasters(t, 3, "--zk="+place, "--quorum=2")
		newSiege(t, m, place, seed).goesOn(number(t, "MESETA_ROUNDS", 3))
	})
}

// siege has masters fail under load.
type siege struct {
	*masters
	random     *rand.Rand
	order      []int // of the blows that are left
	operator   *changes
	frameworks []*ledger
	agents     []string // their work directories
	stops      []func()
}

// newSiege starts masters with a registry, and their load. place is where agents and drivers find them.
func newSiege(t *testing.T, m *masters, place string, seed uint64) *siege {
	t.Helper()
	m.supervised = true
	s := &siege{masters: m, random: rand.New(rand.NewPCG(seed, 0))}
	remembers(t, m.dir[0])
	for i := range m.port {
		m.start(i)
	}
	m.leader()
	for range 2 {
		s.agents = append(s.agents, t.TempDir())
		startAgent(t, "0", place, s.agents[len(s.agents)-1]).awaits("] registered ")
	}
	v0, v1 := newLedger("driven"), newLedger("subscribed")
	s.frameworks = []*ledger{v0, v1}
	var stop func()
	s.operator, stop = startOperator(t, m.list)
	s.stops = []func(){stop, startDriven(t, place, v0), startSubscriber(t, m.list, v1)}
	return s
}

// blows are what happens to masters, one at a time.
var blows = []struct {
	name  string
	falls func(*siege)
}{
	{"the leader is killed", func(s *siege) { s.dies(s.leader()) }},
	{"the leader is stopped until another one leads", (*siege).leaderStops},
	{"the leader is asked to end", (*siege).leaderEnds},
	{"another master is killed", func(s *siege) { s.dies(s.follower()) }},
	{"another master is stopped for a while", (*siege).followerStops},
}

// goesOn strikes n times, and demands in the end that everything that was begun has come to its end.
func (s *siege) goesOn(n int) {
	s.t.Helper()
	for range n {
		s.load()
		if len(s.order) == 0 {
			s.order = s.random.Perm(len(blows))
		}
		blow := blows[s.order[0]]
		s.order = s.order[1:]
		s.t.Log(blow.name)
		blow.falls(s)
		s.recovers()
		if s.t.Failed() {
			return
		}
	}
	for _, l := range s.frameworks {
		l.close(s.t, s.agents...)
	}
	gone(s.t, s.unacknowledged)
	for _, stop := range s.stops {
		stop()
	}
	s.operator.kept(s.t, s.all[s.leader()], len(s.agents))
}

// unacknowledged tells of each task whose updates were not acknowledged once, in order.
func (s *siege) unacknowledged() (wrong []string) {
	s.t.Helper()
	for _, dir := range s.agents {
		for task, records := range streams(s.t, dir) {
			if text := acknowledged(records); text != "" {
				wrong = append(wrong, task+": "+text)
			}
		}
	}
	return wrong
}

// load lets some changes and some tasks pass, so that the next blow falls at a random moment of both.
func (s *siege) load() {
	s.t.Helper()
	s.operator.goOn(s.t)
	for _, l := range s.frameworks {
		l.goesOn(s.t)
	}
	tried, _ := s.operator.look()
	wait := s.random.IntN(10)
	gone(s.t, func() []string {
		if now, _ := s.operator.look(); now["weight"] < tried["weight"]+wait {
			return []string{fmt.Sprintf("change %d of weight", now["weight"])}
		}
		return nil
	})
}

// recovers waits until all masters name one leader, which has all agents again, and knows what it has to know.
func (s *siege) recovers() {
	s.t.Helper()
	var leader *process
	gone(s.t, func() []string {
		leader = s.all[s.leader()]
		var agents struct{ Slaves []struct{ Active bool } }
		if status, _ := leader.get("/health"); status == 200 {
			leader.sees("/slaves", &agents)
		}
		active := 0
		for _, a := range agents.Slaves {
			if a.Active {
				active++
			}
		}
		if active != len(s.agents) {
			return []string{fmt.Sprintf("%d agents at %s", active, leader.address)}
		}
		return nil
	})
	s.operator.kept(s.t, leader, len(s.agents))
}

// follower returns the place of a master that does not lead.
func (s *siege) follower() int {
	s.t.Helper()
	return (s.leader() + 1 + s.random.IntN(len(s.all)-1)) % len(s.all)
}

// dies kills a master, and starts it again when another one leads.
func (s *siege) dies(i int) {
	s.t.Helper()
	s.all[i].kill()
	s.all[i] = nil
	s.leader(i)
	s.start(i)
}

// leaderStops stops the leader until another one leads, for which tasks are run. Then it finds that it leads no more, and ends.
func (s *siege) leaderStops() {
	s.t.Helper()
	old := s.leader()
	s.all[old].signal(syscall.SIGSTOP)
	s.leader(old)
	s.frameworks[0].goesOn(s.t)
	s.all[old].signal(syscall.SIGCONT)
	if status := s.all[old].ends(); status != 1 {
		s.t.Errorf("the leader that was stopped ended with status %d", status)
	}
	s.start(old)
}

// leaderEnds asks the leader to end, which hands over first.
func (s *siege) leaderEnds() {
	s.t.Helper()
	old := s.leader()
	s.all[old].signal(syscall.SIGTERM)
	if status := s.all[old].ends(); status != 0 {
		s.t.Errorf("the leader that was asked to end ended with status %d", status)
	}
	s.all[old] = nil
	s.leader(old)
	s.start(old)
}

// followerStops stops another master while tasks are run.
func (s *siege) followerStops() {
	s.t.Helper()
	i := s.follower()
	s.all[i].signal(syscall.SIGSTOP)
	s.frameworks[0].goesOn(s.t)
	s.all[i].signal(syscall.SIGCONT)
}
