package lifecycle

import (
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/book"
	"meseta/slave/updates"
)

// Kill kills a task that is queued for an executor or was sent to it.
//
// Mesos: Slave::kill.
func (s *Executors) Kill(f *book.Framework, e *book.Executor, task ids.Task, policy *mesospb.KillPolicy) {
	switch {
	case e.State >= book.Terminating:
		s.Log().Warn().Stringer("task_id", task).Stringer("executor_id", e.ID).Msg("kill ignored: the executor is ending")
	case e.IsQueued(task):
		tasks, group := e.GroupOf(task)
		s.KillBeforeDelivery(f, e.ID, tasks, group)
		if !e.EverSent() && len(e.Queued()) == 0 {
			s.endIdle(e)
		}
	case e.Line.Open():
		s.lines.Tell(e, &executorpb.Event{
			Type: executorpb.Event_KILL.Enum(), Kill: &executorpb.Event_Kill{TaskId: task.Proto(), KillPolicy: policy},
		})
	}
}

// endIdle ends an executor whose only tasks were killed. If it has not registered, its container is destroyed, which also
// cancels what is in progress to start it, such as fetching.
//
// Differs: Mesos lets such an executor start and register, and shuts it down then.
func (s *Executors) endIdle(e *book.Executor) {
	s.Log().Warn().Stringer("executor_id", e.ID).Msg("executor has lost its only tasks, shutting it down")
	if e.State == book.Registering {
		defer s.containers.Destroy(e.Container)
	}
	s.End(e)
}

// KillBeforeDelivery reports as killed tasks that were not sent to an executor.
func (s *Executors) KillBeforeDelivery(f *book.Framework, e ids.Executor, tasks []*mesospb.TaskInfo, group bool) {
	message := "Killed before delivery to the executor"
	if group {
		message = "A task within the task group was killed before delivery to the executor"
	}
	for _, t := range tasks {
		s.updates.Report(f.ID, ids.TaskOf(t.GetTaskId()), e, updates.Outcome{
			State:   mesospb.TaskState_TASK_KILLED,
			Reason:  mesospb.TaskStatus_REASON_TASK_KILLED_DURING_LAUNCH,
			Message: message,
		})
	}
}
