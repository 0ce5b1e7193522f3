package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
)

// schedulerMessage passes a scheduler's message on to its executor.
//
// Mesos: Slave::schedulerMessage.
//
// Differs: Mesos lets everybody speak for every scheduler.
func (s *Slave) schedulerMessage(from runtime.PID, m *internalpb.FrameworkToExecutorMessage) {
	f := s.book.Framework(ids.FrameworkOf(m.GetFrameworkId()))
	e := s.book.Executor(ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId()))
	if s.membership.State() != membership.Running || e == nil || f.Terminating || e.State != book.Running {
		s.Log().Warn().Str("framework_id", m.GetFrameworkId().GetValue()).Str("executor_id", m.GetExecutorId().GetValue()).
			Msg("message to executor dropped: the executor is not running")
		s.counts.Messages.Invalid++
		return
	}
	if (from != f.PID || from.IsZero()) && !s.membership.FromMaster(from, "message to executor") {
		s.counts.Messages.Invalid++
		return
	}
	s.counts.Messages.Valid++
	s.lines.Tell(e, &executorpb.Event{
		Type: executorpb.Event_MESSAGE.Enum(), Message: &executorpb.Event_Message{Data: m.GetData()},
	})
}

// executorMessage passes a driver's message on to its scheduler.
//
// Differs: Mesos lets everybody speak for every executor.
func (s *Slave) executorMessage(from runtime.PID, m *internalpb.ExecutorToFrameworkMessage) {
	e := s.book.Executor(ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId()))
	if e == nil || e.Line.PID != from || from.IsZero() {
		s.Log().Warn().Stringer("from", from).Str("executor_id", m.GetExecutorId().GetValue()).Msg("message of executor dropped: its sender is not the executor")
		s.counts.Messages.Invalid++
		return
	}
	s.toScheduler(m)
}

// toScheduler passes an executor's message on to its scheduler, through the master if the scheduler uses HTTP.
//
// Mesos: Slave::executorMessage.
func (s *Slave) toScheduler(m *internalpb.ExecutorToFrameworkMessage) {
	f := s.book.Framework(ids.FrameworkOf(m.GetFrameworkId()))
	if s.membership.State() != membership.Running || f == nil || f.Terminating {
		s.Log().Warn().Str("framework_id", m.GetFrameworkId().GetValue()).Msg("message of executor dropped: no such framework")
		s.counts.Messages.Invalid++
		return
	}
	s.counts.Messages.Valid++
	to := f.PID
	if to.IsZero() {
		to = s.membership.Master()
	}
	s.Send(to, m)
}

// Message implements [api.Agent].
func (s *Slave) Message(e *book.Executor, data []byte) {
	s.toScheduler(&internalpb.ExecutorToFrameworkMessage{
		SlaveId: s.membership.Info().GetId(), FrameworkId: e.Framework.Proto(), ExecutorId: e.ID.Proto(), Data: data,
	})
}

// updateFramework handles a changed address or description of a framework.
//
// Mesos: Slave::updateFramework. Differs: only the updates of this framework are sent again. Mesos sends those of all, so that after
// a failover each update is sent as often as there are frameworks on the agent.
func (s *Slave) updateFramework(from runtime.PID, m *internalpb.UpdateFrameworkMessage) {
	if !s.membership.FromMaster(from, "update framework") {
		return
	}
	f := s.book.Framework(ids.FrameworkOf(m.GetFrameworkId()))
	if s.membership.State() != membership.Running || f == nil || f.Terminating {
		s.Log().Info().Str("framework_id", m.GetFrameworkId().GetValue()).Msg("update of framework ignored: nothing of it runs here")
		return
	}
	if m.FrameworkInfo != nil {
		f.Info = m.GetFrameworkInfo()
	}
	f.PID, _ = runtime.ParsePID(m.GetPid())
	s.Log().Info().Stringer("framework_id", f.ID).Stringer("scheduler", f.PID).Msg("framework updated")
	s.recordAgain(f)
	s.updates.Again(f.ID)
}

// recordAgain checkpoints a changed framework, unless it was not checkpointed. If that fails, it is checkpointed with its next executor, which does not run without.
//
// Differs: Mesos aborts. The tasks of the framework run on, and a disk that is full today has room tomorrow; until then the next agent
// takes the framework for what it was, and its master, with which it registers again, says what it is.
func (s *Slave) recordAgain(f *book.Framework) {
	id := f.ID
	runtime.Await(s, s.recorder.Framework(f), func(_ struct{}, err error) {
		if err == nil {
			return
		}
		s.Log().Error().Err(err).Stringer("framework_id", id).Msg("changed framework not written down")
		if f := s.book.Framework(id); f != nil {
			f.Recorded = false
		}
	})
}

// Update implements [api.Agent].
func (s *Slave) Update(e *book.Executor, status *mesospb.TaskStatus) { s.updates.Update(e, status) }

// Subscribe implements [api.Agent].
func (s *Slave) Subscribe(f *book.Framework, e *book.Executor, x *executorpb.Call_Subscribe, l book.Line) {
	s.executors.Subscribe(f, e, x, l)
}
