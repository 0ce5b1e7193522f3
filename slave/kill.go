package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// killTask ends a task wherever it is: on its way to the executor, or there.
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
		s.killBeforeDelivery(f, l.ExecutorID(), l.Tasks, l.Group)
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
	s.kill(f, e, task, m.GetKillPolicy())
}

// kill ends a task that is with an executor.
//
// Mesos: Slave::kill.
func (s *Slave) kill(f *book.Framework, e *book.Executor, task ids.Task, policy *mesospb.KillPolicy) {
	switch {
	case e.State >= book.Terminating:
		s.Log().Warn().Stringer("task_id", task).Stringer("executor_id", e.ID).Msg("kill ignored: the executor is ending")
	case e.IsQueued(task):
		tasks, group := e.GroupOf(task)
		s.killBeforeDelivery(f, e.ID, tasks, group)
		if !e.EverSent() && len(e.Queued()) == 0 {
			s.endIdle(e)
		}
	case e.Line.Open():
		s.lines.Tell(e, &executorpb.Event{
			Type: executorpb.Event_KILL.Enum(), Kill: &executorpb.Event_Kill{TaskId: task.Proto(), KillPolicy: policy},
		})
	}
}

// endIdle ends an executor that has lost its only tasks. Before it has registered its container is destroyed, and with it
// whatever is under way to start it, such as fetching.
//
// Differs: Mesos lets such an executor start and register, and shuts it down then.
func (s *Slave) endIdle(e *book.Executor) {
	s.Log().Warn().Stringer("executor_id", e.ID).Msg("executor has lost its only tasks, shutting it down")
	if e.State == book.Registering {
		defer s.containers.Destroy(e.Container)
	}
	s.endExecutor(e)
}

// killBeforeDelivery reports the end of tasks that no executor has seen.
func (s *Slave) killBeforeDelivery(f *book.Framework, e ids.Executor, tasks []*mesospb.TaskInfo, group bool) {
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
