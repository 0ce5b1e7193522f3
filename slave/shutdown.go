package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
)

// shutdownExecutor shuts down an executor at the request of its framework.
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

// shutdownFramework shuts down all executors of a framework.
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
		s.updates.Close(id) // of tasks that were refused
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

// shutdown shuts down the agent at the request of its master.
//
// Mesos: Slave::shutdown.
func (s *Slave) shutdown(from runtime.PID, m *internalpb.ShutdownMessage) {
	if !s.membership.FromMaster(from, "shutdown") {
		return
	}
	s.Log().Info().Stringer("master", from).Str("reason", m.GetMessage()).Msg("the master asks the agent to shut down")
	s.end()
}

// Shutdown shuts down the agent for good: it unregisters, shuts down all executors, and terminates when the last of
// them has ended. The master reports the tasks. Further calls have no effect.
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
	s.endIfEmpty()
}

// endIfEmpty ends an agent that is shutting down when nothing runs any more.
func (s *Slave) endIfEmpty() {
	if s.membership.State() == membership.Terminating && s.book.Empty() {
		s.Terminate()
	}
}

// leaveIfIdle removes a framework that has no executors and tasks left.
//
// Mesos: Slave::removeFramework.
//
// Differs: unacknowledged updates of the framework are still resent. In Mesos an update about a task that was refused
// before its executor existed is sent only once.
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
	s.endIfEmpty()
}
