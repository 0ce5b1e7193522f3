package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// killTask ends a task, whether it is still on its way to the executor or there.
//
// Mesos: Slave::killTask.
func (s *Slave) killTask(from runtime.PID, m *internalpb.KillTaskMessage) {
	if !s.membership.FromMaster(from, "kill task") {
		return
	}
	framework, task := ids.FrameworkOf(m.GetFrameworkId()), ids.TaskOf(m.GetTaskId())
	log := s.Log().With().Stringer("task_id", task).Stringer("framework_id", framework).Logger()
	f := s.book.Framework(framework)
	if s.membership.State() == membership.Terminating || f == nil || f.Terminating {
		log.Warn().Msg("kill ignored: the framework is unknown or being shut down")
		return
	}
	log.Info().Msg("asked to kill task")
	if l := f.Pending(task); l != nil {
		s.executors.KillBeforeDelivery(f, l.ExecutorID(), l.Tasks, l.Group)
		return
	}
	e := f.ExecutorOf(task)
	if e == nil {
		log.Warn().Msg("task to be killed is not here")
		s.updates.Report(framework, task, "", updates.Outcome{
			State:   f.LostOr(mesospb.TaskState_TASK_DROPPED),
			Reason:  mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED,
			Message: "Cannot find executor",
		})
		return
	}
	s.executors.Kill(f, e, task, m.GetKillPolicy())
}
