package slave

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/slave/book"
	"meseta/slave/membership"
)

// Subscribe lets an executor in, or lets it come back: its earlier stream, if any, is closed, and it tells what it could
// not before.
//
// Mesos: Slave::subscribe.
func (s *Slave) Subscribe(f *book.Framework, e *book.Executor, x *executorpb.Call_Subscribe, l book.Line) {
	log := s.Log().With().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Logger()
	if s.membership.State() == membership.Terminating || f.Terminating || e.State >= book.Terminating {
		log.Warn().Stringer("state", e.State).Msg("executor is not expected to subscribe, shutting it down")
		s.lines.Dismiss(l)
		return
	}
	if e.Line.Stream != nil {
		log.Warn().Msg("executor subscribes again, closing its earlier stream")
		e.Line.Stream.Close()
	}
	log.Info().Msg("executor subscribed")
	s.connect(e, l)
	for _, u := range x.GetUnacknowledgedUpdates() {
		s.Update(e, u.GetStatus())
	}
	s.dropUnseen(e, x.GetUnacknowledgedTasks())
	if e.State == book.Running { // it may have said what ends it
		s.lines.Beat(e, l)
		s.admit(f, e)
	}
}

// dropUnseen gives up on tasks that were sent and never arrived.
func (s *Slave) dropUnseen(e *book.Executor, seen []*mesospb.TaskInfo) {
	known := taskIDs(seen)
	f := s.book.Framework(e.Framework)
	for t := range e.Launched() {
		id := ids.TaskOf(t.GetTaskId())
		if t.GetState() != mesospb.TaskState_TASK_STAGING || contains(known, id) {
			continue
		}
		s.Log().Warn().Stringer("task_id", id).Stringer("executor_id", e.ID).Msg("task never reached its executor")
		s.report(s.newUpdate(f.ID, id, e.ID, outcome{
			state:   f.LostOr(mesospb.TaskState_TASK_DROPPED),
			reason:  mesospb.TaskStatus_REASON_SLAVE_RESTARTED,
			message: "Task launched during agent restart",
		}))
	}
}

// Update takes the word of an executor that speaks HTTP about a task.
func (s *Slave) Update(e *book.Executor, status *mesospb.TaskStatus) {
	agent := ids.AgentOf(status.GetSlaveId())
	if _, err := ids.UUIDOf(status.GetUuid()); err != nil || agent != "" && agent != s.membership.ID() {
		s.Log().Warn().AnErr("err", err).Stringer("agent_id", agent).Stringer("executor_id", e.ID).
			Msg("status update ignored: it has no proper uuid, or is meant for another agent")
		s.counts.Updates.Invalid++
		return
	}
	status = proto.CloneOf(status)
	status.SlaveId, status.ExecutorId, status.Source = s.membership.Info().GetId(), e.ID.Proto(), mesospb.TaskStatus_SOURCE_EXECUTOR.Enum()
	if status.Timestamp == nil {
		status.Timestamp = proto.Float64(seconds(s.Now()))
	}
	s.accept(report{executor: e.ID, update: tasks.Update(e.Framework, status)})
}
