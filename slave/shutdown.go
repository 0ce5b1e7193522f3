package slave

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
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
	s.endExecutor(e)
}

// endExecutor asks an executor to end and kills it when it does not.
//
// Mesos: Slave::_shutdownExecutor.
func (s *Slave) endExecutor(e *book.Executor) {
	if e.State >= book.Terminating {
		return
	}
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).Msg("shutting down executor")
	e.State = book.Terminating
	if e.Line.Open() {
		s.lines.Tell(e, &executorpb.Event{Type: executorpb.Event_SHUTDOWN.Enum()})
	}
	grace := s.config.ExecutorShutdownGrace
	if d := e.Info.GetShutdownGracePeriod(); d != nil {
		grace = time.Duration(d.GetNanoseconds())
	}
	x := e.Run()
	s.Delay(grace, func() { s.graceOver(x) })
}

// graceOver kills an executor that was asked to end and has not.
//
// Mesos: Slave::shutdownExecutorTimeout.
func (s *Slave) graceOver(x book.Run) {
	if _, e := s.book.Find(x); e != nil && e.State == book.Terminating {
		s.Log().Info().Stringer("executor_id", x.Executor).Msg("killing executor")
		s.containers.Destroy(x.Container)
	}
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
			s.removeExecutor(f, e)
		} else {
			s.endExecutor(e)
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
