package simcluster_test

import (
	"fmt"
	"slices"
	"time"

	"meseta/cmd/internal/suites/simcluster"
)

// did notes that something had an effect.
func (s *storm) did(what string) { s.happened[what]++ }

func (s *storm) framework() *simcluster.Framework {
	return s.Frameworks[s.chance.IntN(len(s.Frameworks))]
}

func (s *storm) agent() *simcluster.Agent { return s.Agents[s.chance.IntN(len(s.Agents))] }

// programs are what tasks do.
var programs = []string{
	"sleep 0", "sleep 1", "sleep 10", "sleep 100", "sleep 1000", "sleep 5; exit 1", "", "trap '' TERM; sleep 60",
}

func (s *storm) launch() {
	f := s.framework()
	for range 1 + s.chance.IntN(4) {
		j := s.job()
		if s.oneIn(5) {
			j.Pod = fmt.Sprint("pod", s.chance.IntN(2))
			for range s.chance.IntN(3) {
				j.Beside = append(j.Beside, s.job())
			}
			s.did("launch of a group")
		} else {
			j.Executor = []string{"", "x1", "x2", "http-x3"}[s.chance.IntN(4)]
		}
		f.Launch(j)
	}
	s.did("launch")
}

func (s *storm) job() simcluster.Job {
	s.jobs++
	return simcluster.Job{
		ID: fmt.Sprintf("t%d", s.jobs), Program: programs[s.chance.IntN(len(programs))], CPUs: 0.1 + float64(s.chance.IntN(10))/10,
		Grace: []time.Duration{0, simcluster.NoGrace, 10 * time.Second}[s.chance.IntN(3)],
	}
}

func (s *storm) kill() {
	f := s.framework()
	if n := len(f.Order); n > 0 {
		f.Kill(f.Order[s.chance.IntN(n)])
		s.did("kill")
	}
}

func (s *storm) reconcile() { s.framework().Reconcile() }

func (s *storm) agentDies() {
	a := s.agent()
	if a.Living() {
		s.did("agent dies")
	}
	s.updates.Ended(a.Addr())
	a.Kill()
}

func (s *storm) agentStarts() {
	if a := s.agent(); !a.Living() {
		a.Start()
		s.did("agent starts")
	}
}

func (s *storm) machineDies() {
	a := s.agent()
	if a.Living() {
		s.did("machine dies")
	}
	s.updates.Ended(a.Addr())
	a.PowerOff()
}

func (s *storm) machineIsReplaced() {
	s.agent().Replace()
	s.did("machine is replaced")
}

func (s *storm) agentLeaves() {
	if a := s.agent(); a.Living() {
		a.Shutdown()
		s.did("agent leaves")
	}
}

// executorsDie crashes the executors of an agent, preferably of one that has some.
func (s *storm) executorsDie() {
	a := s.agent()
	for range s.Agents {
		if len(a.Executors()) > 0 {
			s.did("executors die")
			break
		}
		a = s.agent()
	}
	a.CrashExecutors()
}

func (s *storm) schedulerDies() {
	f := s.framework()
	if f.Living() {
		s.did("scheduler dies")
	}
	f.Crash()
}

func (s *storm) schedulerStarts() {
	if f := s.framework(); !f.Living() {
		f.Crash()
		f.Start()
		s.did("scheduler starts")
	}
}

func (s *storm) schedulerIsReplaced() {
	s.framework().Start()
	s.did("scheduler is replaced")
}

func (s *storm) masterDies() {
	if len(s.Masters) > 0 {
		s.aMasterDies()
		return
	}
	if s.Master.Living() {
		s.did("master dies")
	}
	s.Master.Crash()
}

func (s *storm) masterStarts() {
	if len(s.Masters) > 0 {
		s.aMasterStarts()
		return
	}
	if s.Master.Living() {
		return
	}
	if s.Master.GaveUp != nil {
		s.did("master gives up")
		s.Master.GaveUp = nil
	}
	s.Master.Start()
	s.did("master starts")
}

func (s *storm) partition() {
	var other simcluster.Member = s.agent()
	if s.chance.IntN(3) == 0 {
		other = s.framework()
	}
	switch s.chance.IntN(4) {
	case 0:
		s.World.PartitionOneWay(s.Master.Addr(), other.Addr())
		s.did("partition of what masters say")
	case 1:
		s.World.PartitionOneWay(other.Addr(), s.Master.Addr())
		s.did("partition of what masters hear")
	default:
		s.Partition(s.Master, other)
		s.did("partition")
	}
	s.cut = append(s.cut, [2]simcluster.Member{s.Master, other})
}

// diskStalls has an agent's disk hang, for longer than it takes to give up an executor now and then.
func (s *storm) diskStalls() {
	if a := s.agent(); a.Living() {
		s.World.Disk(a.Addr()).Stall(time.Duration(s.chance.Int64N(int64(2 * time.Minute))))
		s.did("disk stalls")
	}
}

// clockJumps has the clock of an agent's machine show another time, by up to an hour.
func (s *storm) clockJumps() {
	s.World.SetClock(s.agent().Addr(), time.Duration(s.chance.Int64N(int64(2*time.Hour))-int64(time.Hour)))
	s.did("clock jumps")
}

func (s *storm) heal() {
	if n := len(s.cut); n > 0 {
		i := s.chance.IntN(n)
		s.Heal(s.cut[i][0], s.cut[i][1])
		s.cut = slices.Delete(s.cut, i, i+1)
		s.did("heal")
	}
}

func (s *storm) lossChanges() { s.loss = []float64{0, 0, 0.1, 0.5}[s.chance.IntN(4)] }
