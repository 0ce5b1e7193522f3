package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
)

// shutdownExecutor ends an executor on behalf of its framework.
//
// Mesos: Slave::shutdownExecutor.
func (s *Slave) shutdownExecutor(from runtime.PID, m *internalpb.ShutdownExecutorMessage) {
	if !s.membership.FromMaster(from, "shutdown executor") {
		return
	}
	f := s.book.Framework(ids.FrameworkOf(m.GetFrameworkId()))
	e := s.book.Executor(ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId()))
	if s.membership.State() == membership.Disconnected || e == nil || f.Terminating || e.State >= book.Terminating {
		s.Log().Warn().Str("executor_id", m.GetExecutorId().GetValue()).Msg("shutdown of executor ignored: unknown or ending")
		return
	}
	s.executors.End(e)
}

// shutdownFramework ends all that a framework has here.
//
// Mesos: Slave::shutdownFramework.
func (s *Slave) shutdownFramework(from runtime.PID, m *internalpb.ShutdownFrameworkMessage) {
	if !s.membership.FromMaster(from, "shutdown framework") {
		return
	}
	if s.membership.State() == membership.Disconnected {
		s.Log().Warn().Msg("shutdown of framework ignored: not registered")
		return
	}
	id := ids.FrameworkOf(m.GetFrameworkId())
	if s.book.Framework(id) == nil {
		s.updates.Close(id) // those of tasks that were refused
	}
	s.endFramework(id)
}

func (s *Slave) endFramework(id ids.Framework) {
	f := s.book.Framework(id)
	if f == nil || f.Terminating {
		return
	}
	s.Log().Info().Stringer("framework_id", id).Msg("shutting down framework")
	f.Terminating = true
	for e := range f.Executors() {
		if e.State == book.Terminated {
			s.executors.Remove(f, e)
		} else {
			s.executors.End(e)
		}
	}
	s.leaveIfIdle(id)
}

// shutdown ends the agent because its master says so.
//
// Mesos: Slave::shutdown.
func (s *Slave) shutdown(from runtime.PID, m *internalpb.ShutdownMessage) {
	if !s.membership.FromMaster(from, "shutdown") {
		return
	}
	s.Log().Info().Stringer("master", from).Str("reason", m.GetMessage()).Msg("the master asks the agent to shut down")
	s.end()
}

// Shutdown ends the agent for good: it unregisters, ends all executors, and terminates when the last of them is over.
// The master reports the tasks. Calling it twice is calling it once.
//
// Mesos: Slave::signaled, SIGUSR1.
func (s *Slave) Shutdown(reason string) {
	s.Log().Info().Str("reason", reason).Msg("unregistering and shutting down")
	if s.membership.State() != membership.Terminating && s.membership.ID() != "" {
		s.membership.SendMaster(&internalpb.UnregisterSlaveMessage{SlaveId: s.membership.Info().GetId()})
	}
	s.end()
}

func (s *Slave) end() {
	s.membership.End()
	s.registration.Stop()
	for f := range s.book.Frameworks() {
		s.endFramework(f.ID)
	}
	if s.book.Empty() {
		s.Terminate()
	}
}

// leaveIfIdle closes the books on a framework that has nothing left here.
//
// Mesos: Slave::removeFramework.
//
// Differs: updates that a framework has not acknowledged go on being sent when it has merely nothing left to run, so
// that a task refused before its executor existed is not reported only once.
func (s *Slave) leaveIfIdle(id ids.Framework) {
	f := s.book.Framework(id)
	if f == nil || !f.Idle() {
		return
	}
	s.Log().Info().Stringer("framework_id", id).Msg("framework removed")
	if f.Terminating {
		s.updates.Close(id)
	}
	s.book.Remove(f)
	s.recorder.RetireFramework(f)
	s.drained()
	if s.membership.State() == membership.Terminating && s.book.Empty() {
		s.Terminate()
	}
}
