package simcluster_test

import (
	"fmt"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
)

// TestStormOfMasters is [TestStorm] with three masters that find each other, and are found, in ZooKeeper, and to which more
// happens: machines crash with torn disks, networks are cut, in one direction too, disks hang, clocks jump, and sessions with
// ZooKeeper are cut off, and expire, late. Never does a leader write when the next one has read, nothing that was
// acknowledged is lost, and when all is well again there is a leader soon.
//
// MESETA_SEED and MESETA_SEEDS are those of [TestStorm].
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
					t.Logf("to see it again: MESETA_SEED=%d go test ./cmd/internal/suites/simcluster -run TestStormOfMasters", seed)
				}
			})
			s := rage(t, seed)
			terms, writes := s.Witnessed()
			t.Logf("%d terms, %d writes acknowledged", terms, writes)
			if !t.Failed() && writes == 0 {
				t.Error("nothing was written")
			}
		})
	}
}

// rage lets a storm of masters come and go.
func rage(t *testing.T, seed uint64) *storm {
	s := newStormOf(t, seed, 3)
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
	switch s.chance.IntN(14) {
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
		for _, m := range s.Masters {
			m.Crash()
		}
	default:
		s.clear()
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
