package updates

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/validate"
)

// StatusUpdate handles an executor's update in the message of a driver.
//
// Mesos: Slave::statusUpdate.
func (s *Updates) StatusUpdate(from runtime.PID, m *internalpb.StatusUpdateMessage) {
	sender, err := runtime.ParsePID(m.GetPid())
	if err != nil {
		sender = from
	}
	u := m.GetUpdate()
	log := s.Log().With().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Stringer("from", sender).Logger()
	if err := ids.CheckUUID(u.GetUuid()); err != nil {
		log.Warn().Err(err).Msg("status update ignored")
		s.counts.Updates.Invalid++
		return
	}
	if ids.AgentOf(u.GetSlaveId()) != s.agent.ID() || ids.AgentOf(u.GetStatus().GetSlaveId()) != s.agent.ID() {
		log.Warn().Str("agent_id", u.GetSlaveId().GetValue()).Msg("status update ignored: meant for another agent")
		s.counts.Updates.Invalid++
		return
	}
	if !s.mayReport(from, u) {
		log.Warn().Msg("status update ignored: its sender is not the executor")
		s.counts.Updates.Invalid++
		return
	}
	u = proto.CloneOf(u)
	u.Status.Uuid, u.Status.Source = u.GetUuid(), mesospb.TaskStatus_SOURCE_EXECUTOR.Enum()
	if u.ExecutorId != nil {
		u.Status.ExecutorId = u.GetExecutorId()
	}
	s.accept(report{update: u, sender: sender})
}

// mayReport reports whether a driver may send an update: that of the executor that has the task or, if none has it, of any executor
// of the framework. Updates of unknown frameworks are refused later.
//
// Differs: Mesos lets everybody report for every executor.
func (s *Updates) mayReport(from runtime.PID, u *internalpb.StatusUpdate) bool {
	f := s.book.Framework(ids.FrameworkOf(u.GetFrameworkId()))
	if f == nil {
		return true
	}
	if e := f.ExecutorOf(ids.TaskOf(u.GetStatus().GetTaskId())); e != nil {
		return e.Line.PID == from && !from.IsZero()
	}
	for e := range f.Executors() {
		if e.Line.PID == from && !from.IsZero() {
			return true
		}
	}
	return false
}

// Update handles an update of an executor that uses HTTP.
func (s *Updates) Update(e *book.Executor, status *mesospb.TaskStatus) {
	agent := ids.AgentOf(status.GetSlaveId())
	if err := ids.CheckUUID(status.GetUuid()); err != nil || agent != "" && agent != s.agent.ID() {
		s.Log().Warn().AnErr("err", err).Stringer("agent_id", agent).Stringer("executor_id", e.ID).
			Msg("status update ignored: it has no proper uuid, or is meant for another agent")
		s.counts.Updates.Invalid++
		return
	}
	status = proto.CloneOf(status)
	status.SlaveId, status.ExecutorId, status.Source = s.agent.Info().GetId(), e.ID.Proto(), mesospb.TaskStatus_SOURCE_EXECUTOR.Enum()
	if status.Timestamp == nil {
		status.Timestamp = s.timestamp()
	}
	s.accept(report{executor: e.ID, update: tasks.Update(e.Framework, status)})
}

// accept accepts a valid report. One that an executor repeats, because it got no answer, is only answered if the task is
// completed meanwhile.
//
// Differs: Mesos sends such a report to the scheduler a second time.
func (s *Updates) accept(r report) {
	f := s.book.Framework(r.framework())
	if f == nil || f.Terminating {
		s.Log().Warn().Stringer("framework_id", r.framework()).Stringer("task_id", r.task()).
			Msg("status update ignored: the framework is unknown or being shut down")
		s.counts.Updates.Invalid++
		return
	}
	e := f.ExecutorOf(r.task())
	if f.Pending(r.task()) != nil {
		f.Cancel(r.task())
		e = nil
	}
	if !r.own && !validate.Reportable(r.state()) {
		s.refuseState(e, r)
		return
	}
	s.counts.Updates.Valid++
	s.drain.Mark(r.update.GetStatus(), f.Info)
	if e != nil {
		r.executor = e.ID
		e.Expect(r.update.GetStatus())
	} else if x := f.Executor(ids.ExecutorOf(r.update.GetExecutorId())); x != nil && x.Reported(r.update.GetStatus()) {
		s.answer(r)
		return
	}
	s.enqueue(r)
}

// refuseState shuts down an executor that reports a state that only agents and masters report. e is nil if no executor
// has the task.
func (s *Updates) refuseState(e *book.Executor, r report) {
	s.counts.Updates.Invalid++
	s.Log().Error().Stringer("task_id", r.task()).Stringer("state", r.state()).Msg("status update refused: executors may not report this state")
	if e != nil {
		s.misbehaved(e)
	}
}
