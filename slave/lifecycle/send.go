package lifecycle

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/updates"
)

// recordTasks checkpoints tasks of an executor that exists.
func (s *Executors) recordTasks(e *book.Executor, infos []*mesospb.TaskInfo) {
	if x := e.Run(); e.Checkpoint {
		s.waitFor(x, s.recorder.Tasks(e, infos), func(err error) { s.tasksRecorded(x, infos, err) })
	}
}

// tasksRecorded drops tasks that could not be checkpointed, since the next agent would not know them. [Executors.sendQueued]
// sends the others when everything before has been written.
//
// Differs: Mesos aborts.
func (s *Executors) tasksRecorded(x book.Run, infos []*mesospb.TaskInfo, err error) {
	f, e := s.book.Find(x)
	if err == nil || e == nil || e.State >= book.Terminating {
		return
	}
	s.Log().Error().Err(err).Stringer("executor_id", e.ID).Strs("task_ids", book.TaskIDs(infos)).Msg("tasks not written down, dropping them")
	for _, t := range queued(e, infos) {
		s.updates.Report(f.ID, ids.TaskOf(t.GetTaskId()), e.ID, updates.Outcome{
			State:   f.LostOr(mesospb.TaskState_TASK_DROPPED),
			Reason:  mesospb.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED,
			Message: err.Error(),
		})
	}
	if e.State == book.Running && !e.EverSent() && len(e.Queued()) == 0 {
		s.End(e)
	}
}

// sendQueued sends a running executor its queued tasks, after they have been checkpointed and the container has been given
// their resources.
func (s *Executors) sendQueued(e *book.Executor) {
	x := e.Run()
	tasks := book.TaskIDs(e.Queued())
	grown := s.containers.Update(e.Container, e.Resources(), e.Limits())
	recorded := runtime.Ready(struct{}{})
	if written, ok := s.records[x]; ok {
		recorded = runtime.Recover(written, func(error) (struct{}, error) { return struct{}{}, nil }) // waitFor handles failures
	}
	runtime.Await(s, runtime.Collect(grown, recorded), func(_ []struct{}, err error) { s.sendTasks(x, tasks, err) })
}

// sendTasks sends the given tasks, except for those that were killed in the meantime.
//
// Mesos: Slave::___run.
func (s *Executors) sendTasks(x book.Run, tasks []string, err error) {
	f, e := s.book.Find(x)
	if e == nil || f.Terminating {
		return
	}
	if err != nil {
		s.UpdateFailed(f, e, err)
		return
	}
	if e.State != book.Running {
		return
	}
	for _, t := range e.Queued() {
		if id := ids.TaskOf(t.GetTaskId()); e.IsQueued(id) && slices.Contains(tasks, string(id)) {
			s.sendTask(f, e, id)
		}
	}
	if !e.EverSent() && len(e.Queued()) == 0 {
		s.End(e)
	}
}

// sendTask sends a task, with its group if it has one.
func (s *Executors) sendTask(f *book.Framework, e *book.Executor, id ids.Task) {
	tasks, group := e.GroupOf(id)
	if whole := queued(e, tasks); len(whole) < len(tasks) {
		s.KillBeforeDelivery(f, e.ID, whole, group)
		return
	}
	event := &executorpb.Event{
		Type: executorpb.Event_LAUNCH.Enum(), Launch: &executorpb.Event_Launch{Task: tasks[0]},
	}
	if group {
		if e.Line.Stream == nil {
			s.refuseGroup(e, tasks)
			return
		}
		event = &executorpb.Event{
			Type:        executorpb.Event_LAUNCH_GROUP.Enum(),
			LaunchGroup: &executorpb.Event_LaunchGroup{TaskGroup: &mesospb.TaskGroupInfo{Tasks: tasks}},
		}
	}
	for _, t := range tasks {
		e.Launch(ids.TaskOf(t.GetTaskId()))
	}
	s.Log().Info().Strs("task_ids", book.TaskIDs(tasks)).Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).
		Msg("tasks sent to executor")
	s.lines.Tell(e, event)
}

// queued returns the tasks that are still queued. An executor may have reported the end of a task that it was not sent.
func queued(e *book.Executor, tasks []*mesospb.TaskInfo) []*mesospb.TaskInfo {
	return slices.DeleteFunc(slices.Clone(tasks), func(t *mesospb.TaskInfo) bool { return !e.IsQueued(ids.TaskOf(t.GetTaskId())) })
}

// refuseGroup fails the tasks of a group whose executor uses a driver, which has no message for groups.
//
// Differs: Mesos sends the group, and its tasks stay staging forever.
func (s *Executors) refuseGroup(e *book.Executor, tasks []*mesospb.TaskInfo) {
	for _, t := range tasks {
		s.updates.Report(e.Framework, ids.TaskOf(t.GetTaskId()), e.ID, updates.Outcome{
			State: mesospb.TaskState_TASK_ERROR, Reason: mesospb.TaskStatus_REASON_TASK_GROUP_INVALID,
			Message: "Task groups need an executor that speaks HTTP",
		})
	}
}
