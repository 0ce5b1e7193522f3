package simcluster_test

import (
	"fmt"
	"slices"
	"time"

	"meseta/actors/allocator"
	"meseta/cmd/internal/suites/simcluster"
	"meseta/master"
	"meseta/messages/ids"
	"meseta/messages/pb/masterpb"
	"meseta/runtime"
)

// calm ends all that is wrong, then all tasks, and then all frameworks.
func (s *storm) calm() {
	s.Helper()
	s.loss = 0
	s.World.HealAll()
	for round := 0; s.lacks() != ""; round++ {
		if round == 8 {
			s.Errorf("after hours without trouble, the cluster is not what it was: %s; the master gave up: %v", s.lacks(), s.Master.GaveUp)
			return
		}
		s.restore(round)
	}
	s.tearDown(func(id ids.Framework) bool { return !s.speaksFor(id) })
	s.upTo(30*time.Minute, s.agreed)
	if s.Quiet(); s.Failed() {
		return
	}
	for _, f := range s.Frameworks {
		f.Rest()
		for _, id := range f.Order {
			f.Kill(id)
		}
	}
	s.upTo(15*time.Minute, s.agreed)
	s.Quiet()
	s.idle()
	s.tearDownAll()
	s.empty()
}

// restore starts what does not run, and lets time pass. An agent that was refused for good makes room for another.
func (s *storm) restore(round int) {
	if len(s.Masters) > 0 {
		s.mastersReturn()
	}
	s.masterStarts()
	if !s.Master.Living() {
		return
	}
	s.undo(round > 1)
	for _, a := range s.Agents {
		if !a.Living() {
			if round > 2 {
				a.Replace()
			} else {
				a.Start()
			}
		}
	}
	s.Advance(time.Minute)
	if s.Master.Living() {
		s.undo(round > 1)
	}
	for _, f := range s.Frameworks {
		if !f.Living() || round > 0 && !s.hears(f) { // of a connection that only the master knows to be broken, it may never learn
			f.Crash()
			f.Start()
		}
	}
	s.upTo(15*time.Minute, func() bool { return s.lacks() == "" }) // the longest an agent waits to hear of its master, or a master for its agents
}

// agreed has the schedulers ask for their tasks, and reports whether all agree.
func (s *storm) agreed() bool {
	for _, f := range s.Frameworks {
		if f.Living() {
			f.Reconcile()
		}
	}
	s.Advance(10 * time.Second)
	return s.IsQuiet()
}

// upTo lets time pass. Several masters talk so much that their storms wait no longer than they have to.
func (s *storm) upTo(longest time.Duration, enough func() bool) {
	if len(s.Masters) == 0 {
		s.Advance(longest)
		return
	}
	for ; longest > 0; longest -= time.Minute {
		if s.Advance(time.Minute); enough() {
			return
		}
	}
}

// lacks returns what there is to wait for until all daemons are connected and able to work, and the master waits for no agent of an
// earlier one, which may end it; it is empty then.
func (s *storm) lacks() string {
	if !s.Master.Living() {
		return "no master leads"
	}
	for _, f := range s.Frameworks {
		if !f.Living() {
			return "a framework has ended"
		}
		if !s.hears(f) {
			return "the master has no connection with " + f.Name
		}
	}
	active, missing := 0, 0
	s.Master.Do(func(m *master.Master) {
		missing = m.Book().NumRecovered()
		for _, a := range m.Book().Agents() {
			if a.Active {
				active++
			}
		}
	})
	for _, a := range s.Agents {
		if !a.Living() {
			return "an agent has ended"
		}
	}
	if active != len(s.Agents) || missing != 0 {
		return fmt.Sprintf("%d of %d agents are active, %d are missed", active, len(s.Agents), missing)
	}
	return ""
}

// hears reports whether the master has a connection with a framework's scheduler.
func (s *storm) hears(f *simcluster.Framework) (connected bool) {
	s.Master.Do(func(m *master.Master) {
		known := m.Book().Framework(f.ID)
		connected = known != nil && known.Connected()
	})
	return connected
}

// idle demands that no task runs, and that all is offered or free.
func (s *storm) idle() {
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

// speaksFor reports whether a framework has a scheduler. A master learns from agents of those that an earlier one had
// removed, and waits for their schedulers as long as operators let it.
func (s *storm) speaksFor(id ids.Framework) bool {
	return slices.ContainsFunc(s.Frameworks, func(f *simcluster.Framework) bool { return f.ID == id })
}

// tearDown ends those frameworks that the master knows.
func (s *storm) tearDown(which func(ids.Framework) bool) {
	s.Master.Do(func(m *master.Master) {
		for _, f := range m.Book().Frameworks() {
			if which(f.ID) {
				defer s.Operate(&masterpb.Call{
					Type: masterpb.Call_TEARDOWN.Enum(), Teardown: &masterpb.Call_Teardown{FrameworkId: f.Info.Id},
				})
			}
		}
	})
}

// tearDownAll ends all frameworks.
func (s *storm) tearDownAll() {
	s.tearDown(func(ids.Framework) bool { return true })
	for _, f := range s.Frameworks {
		f.Crash()
	}
	s.Advance(time.Minute)
}

// empty checks that nothing is held or offered when there are no frameworks.
func (s *storm) empty() {
	s.Helper()
	s.Check()
	s.Master.Do(func(m *master.Master) {
		if n := m.Book().NumOffers(); n > 0 {
			s.Errorf("%d offers are left without frameworks", n)
		}
		runtime.Tell(m.Allocator(), func(a *allocator.Allocator) {
			for _, h := range a.Holdings() {
				if len(h.Held) > 0 || !h.InUse.IsEmpty() || !h.Available.Equal(h.Total) {
					s.Errorf("of agent %s, %v is held without frameworks", h.Agent, h.Held)
				}
			}
		})
	})
	for _, a := range s.Agents {
		if left := a.Executors(); len(left) > 0 {
			s.Errorf("executors outlive their frameworks: %v", left)
		}
	}
}
