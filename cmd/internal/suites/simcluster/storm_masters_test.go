package simcluster_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus"
	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
)

// TestStormOfMasters is [TestStorm] with three masters that find each other, and are found, in ZooKeeper, and to which more
// happens: machines crash with torn disks, networks are cut, in one direction too, disks hang, clocks jump, and sessions with
// ZooKeeper are cut off, and expire, late. Never does a leader write when the next one has read, nothing that was
// acknowledged is lost, and when all is well again there is a leader soon.
//
// MESETA_SEED, MESETA_SEEDS and MESETA_FIRST are those of [TestStorm].
func TestStormOfMasters(t *testing.T) {
	t.Parallel()
	all := seeds(t)
	if len(all) == usualSeeds {
		all = all[:2] // each takes as long as several storms of one master
	}
	for _, seed := range all {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(again(seed, "TestStormOfMasters"))
				}
			})
			s := rage(t, seed, nil)
			terms, writes := s.Witnessed()
			t.Logf("%d terms, %d writes acknowledged", terms, writes)
			if !t.Failed() && writes == 0 {
				t.Error("nothing was written")
			}
		})
	}
}

// Masters that answer before the disks of most have what was written, and those that forget for whom they have voted, are found: each
// by few seeds. That what is written in a term that has ended is refused does not matter while masters end that do not lead any more:
// package replicated has a test with others.
func TestMistakesOfMastersAreFound(t *testing.T) {
	t.Parallel()
	const enough = 20
	for name, mistake := range map[string]func(*consensus.Options){
		"answers before the sync": func(o *consensus.Options) { o.Mistakes.AnswersEarly = true },
		"forgets terms and votes": func(o *consensus.Options) { o.Mistakes.ForgetsVotes = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(enough) {
				if found := try(t, func(t testing.TB) { rage(t, seed+1, mistake) }); len(found) > 0 {
					t.Logf("found by seed %d: %s", seed+1, found[0])
					return
				}
			}
			t.Errorf("not found by %d seeds", enough)
		})
	}
}

// trial is a test whose failures are what is looked for.
type trial struct {
	testing.TB
	found    []string
	cleanups []func()
}

// hopeless ends a trial.
type hopeless struct{}

// try runs a test to its end and returns its failures.
func try(t *testing.T, test func(testing.TB)) []string {
	r := &trial{TB: t}
	r.run(test)
	for _, clean := range slices.Backward(r.cleanups) {
		clean()
	}
	return r.found
}

func (r *trial) run(test func(testing.TB)) {
	defer func() {
		if end := recover(); end != nil && end != (hopeless{}) {
			panic(end)
		}
	}()
	test(r)
}

func (r *trial) Error(args ...any) { r.found = append(r.found, fmt.Sprint(args...)) }
func (r *trial) Errorf(format string, args ...any) {
	r.found = append(r.found, fmt.Sprintf(format, args...))
}
func (r *trial) Fatal(args ...any)                 { r.Error(args...); panic(hopeless{}) }
func (r *trial) Fatalf(format string, args ...any) { r.Errorf(format, args...); panic(hopeless{}) }
func (r *trial) Failed() bool                      { return len(r.found) > 0 }
func (r *trial) Logf(string, ...any)               {}
func (r *trial) Cleanup(clean func())              { r.cleanups = append(r.cleanups, clean) }

// rage lets a storm of masters come and go.
func rage(t testing.TB, seed uint64, mistake func(*consensus.Options)) *storm {
	s := newStormOf(t, seed, 3, func(c *simcluster.Config) { c.Mistake = mistake })
	for range 150 {
		s.weather()
		s.step()
		if s.Check(); t.Failed() {
			return s
		}
	}
	s.calm()
	for _, problem := range s.updates.Problems(false) {
		t.Error(problem)
	}
	return s
}

// weather lets things happen to the masters and what is between them.
func (s *storm) weather() {
	if s.chance.IntN(3) != 0 {
		return
	}
	m, other := s.anyMaster(), s.anyMaster()
	switch s.chance.IntN(15) {
	case 0:
		s.World.Partition(m.Addr(), other.Addr())
	case 1:
		s.World.PartitionOneWay(m.Addr(), other.Addr())
	case 2, 3:
		if s.Master.Living() {
			s.isolate(s.Master)
		}
	case 4:
		s.World.Disk(m.Addr()).Stall(time.Duration(s.chance.Int64N(int64(5 * time.Second))))
	case 5:
		s.World.SetClock(m.Addr(), time.Duration(s.chance.Int64N(int64(2*time.Hour))-int64(time.Hour)))
	case 6:
		if m.Living() {
			m.Session().Cut()
		}
	case 7:
		if s.Master.Living() {
			s.Master.Session().Cut()
		}
	case 8:
		if m.Living() {
			m.Session().Expire()
		}
	case 9:
		s.mastersCrash()
	case 10:
		s.crashAfterWrite()
	default:
		s.clear()
	}
}

func (s *storm) mastersCrash() {
	for _, m := range s.Masters {
		m.Crash()
	}
}

// crashAfterWrite has the machines of all masters crash at the moment when an operator is told that something is written, for which
// their disks have taken a while.
func (s *storm) crashAfterWrite() {
	for _, m := range s.Masters {
		s.World.Disk(m.Addr()).Stall(time.Duration(s.chance.Int64N(int64(500 * time.Millisecond))))
	}
	asked := s.Operate(&masterpb.Call{Type: masterpb.Call_UPDATE_WEIGHTS.Enum(), UpdateWeights: &masterpb.Call_UpdateWeights{
		WeightInfos: []*mesospb.WeightInfo{{Role: proto.String("nobody"), Weight: proto.Float64(1 + s.chance.Float64())}},
	}})
	if asked != nil && s.World.RunUntil(asked.Done, time.Second) {
		s.mastersCrash()
	}
}

func (s *storm) anyMaster() *simcluster.Master { return s.Masters[s.chance.IntN(len(s.Masters))] }

// isolate cuts a master off from the others, perhaps in one direction only.
func (s *storm) isolate(m *simcluster.Master) {
	cut := s.World.Partition
	if s.oneIn(3) {
		cut = s.World.PartitionOneWay
	}
	for _, other := range s.Masters {
		if other != m {
			cut(m.Addr(), other.Addr())
		}
	}
}

// clear is the end of what is wrong between masters.
func (s *storm) clear() {
	for _, m := range s.Masters {
		for _, other := range s.Masters {
			s.World.Heal(m.Addr(), other.Addr())
		}
		if m.Living() {
			m.Session().Heal()
		}
	}
}

// aMasterDies ends one of several masters: mostly the leader, mostly with its machine.
func (s *storm) aMasterDies() {
	m := s.anyMaster()
	if s.Master.Living() && s.oneIn(2) {
		m = s.Master
	}
	if !m.Living() {
		return
	}
	if s.oneIn(3) {
		m.Kill()
	} else {
		m.Crash()
	}
	s.did("master dies")
}

// aMasterStarts starts one of several masters that does not run.
func (s *storm) aMasterStarts() {
	for _, m := range s.Masters {
		if !m.Living() {
			m.Start()
			s.did("master starts")
			return
		}
	}
}

// mastersReturn ends all that is wrong with several masters. A leader must be there soon.
func (s *storm) mastersReturn() {
	s.clear()
	for range s.Masters {
		s.aMasterStarts()
	}
	for range 60 {
		if s.Advance(time.Second); s.Master.Living() {
			return
		}
	}
	s.Errorf("a minute after all is well, no master leads")
}
