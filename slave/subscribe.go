package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
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
		s.updates.Report(f.ID, id, e.ID, updates.Outcome{
			State:   f.LostOr(mesospb.TaskState_TASK_DROPPED),
			Reason:  mesospb.TaskStatus_REASON_SLAVE_RESTARTED,
			Message: "Task launched during agent restart",
		})
	}
}

// Update takes the word of an executor that speaks HTTP about a task.
func (s *Slave) Update(e *book.Executor, status *mesospb.TaskStatus) { s.updates.Update(e, status) }
