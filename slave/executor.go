package slave

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// registerExecutor is the first word of an executor's driver. One that is not expected is told to end.
//
// Mesos: Slave::registerExecutor.
func (s *Slave) registerExecutor(from runtime.PID, m *internalpb.RegisterExecutorMessage) {
	framework, executor := ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId())
	log := s.Log().With().Stringer("executor_id", executor).Stringer("framework_id", framework).Stringer("from", from).Logger()
	f := s.book.Framework(framework)
	e := s.book.Executor(framework, executor)
	if from.IsZero() {
		log.Warn().Msg("registration ignored: it has no sender")
		return
	}
	if s.membership.State() == membership.Recovering || s.membership.State() == membership.Terminating || f == nil || f.Terminating || e == nil || e.State != book.Registering {
		log.Warn().Msg("executor is not expected to register, shutting it down")
		s.lines.Dismiss(book.Line{PID: from})
		return
	}
	log.Info().Msg("executor registered")
	s.Link(from)
	s.connect(e, book.Line{PID: from})
	s.admit(f, e)
}

// connect notes how an executor is reached from now on.
func (s *Slave) connect(e *book.Executor, l book.Line) {
	e.State, e.Line = book.Running, l
	if e.Checkpoint {
		x := e.Run()
		runtime.Await(s, s.recorder.Line(e), func(_ struct{}, err error) { s.lineRecorded(x, err) })
	}
}

// lineRecorded ends an executor that an agent after this one could not find.
func (s *Slave) lineRecorded(x book.Run, err error) {
	_, e := s.book.Find(x)
	if err == nil || e == nil || e.State == book.Terminated {
		return
	}
	s.Log().Error().Err(err).Stringer("executor_id", e.ID).Msg("executor's address not written down, killing it")
	e.Termination = &slavepb.ContainerTermination{
		State: mesospb.TaskState_TASK_FAILED.Enum(), Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum(),
		Message: proto.String(err.Error()),
	}
	s.containers.Destroy(x.Container)
}

// admit lets an executor in, if there is something for it to do.
func (s *Slave) admit(f *book.Framework, e *book.Executor) {
	if !e.EverSent() && len(e.Queued()) == 0 {
		s.Log().Warn().Stringer("executor_id", e.ID).Msg("executor has no tasks to run, shutting it down")
		s.endExecutor(e)
		return
	}
	s.lines.Tell(e, &executorpb.Event{
		Type: executorpb.Event_SUBSCRIBED.Enum(),
		Subscribed: &executorpb.Event_Subscribed{
			ExecutorInfo: e.Info, FrameworkInfo: f.Info, SlaveInfo: s.membership.Info(), ContainerId: e.Container.Proto(),
		},
	})
	s.sendQueued(e)
}

// reregisterExecutor is what an executor says when the agent it belongs to has restarted. This agent does not recover
// executors, so it knows none that could say so.
//
// Mesos: Slave::reregisterExecutor.
func (s *Slave) reregisterExecutor(from runtime.PID, m *internalpb.ReregisterExecutorMessage) {
	s.Log().Warn().Str("executor_id", m.GetExecutorId().GetValue()).Stringer("from", from).
		Msg("executor of an earlier run of the agent, shutting it down")
	s.lines.Dismiss(book.Line{PID: from})
}

// sendQueued gives a running executor the tasks that wait for it, once they are written down and its container may use
// what they need.
func (s *Slave) sendQueued(e *book.Executor) {
	x := e.Run()
	tasks := taskIDs(e.Queued())
	grown := s.containers.Update(e.Container, e.Resources())
	runtime.Await(s, runtime.Collect(grown, s.recorder.Barrier(e)), func(_ []struct{}, err error) { s.sendTasks(x, tasks, err) })
}

// sendTasks sends those of tasks that were not killed in the meantime.
//
// Mesos: Slave::___run.
func (s *Slave) sendTasks(x book.Run, tasks []string, err error) {
	f, e := s.book.Find(x)
	if e == nil || f.Terminating {
		return
	}
	if err != nil {
		s.updateFailed(f, e, err)
		return
	}
	if e.State != book.Running {
		return
	}
	for _, t := range e.Queued() {
		if id := ids.TaskOf(t.GetTaskId()); e.IsQueued(id) && contains(tasks, id) {
			s.sendTask(f, e, id)
		}
	}
	if !e.EverSent() && len(e.Queued()) == 0 {
		s.endExecutor(e)
	}
}

// sendTask sends a task, with its group if it has one.
func (s *Slave) sendTask(f *book.Framework, e *book.Executor, id ids.Task) {
	tasks, group := e.GroupOf(id)
	if whole := queued(e, tasks); len(whole) < len(tasks) {
		s.killBeforeDelivery(f, e.ID, whole, group)
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
	s.Log().Info().Strs("task_ids", taskIDs(tasks)).Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).
		Msg("tasks sent to executor")
	s.lines.Tell(e, event)
}

// queued returns those of tasks that still wait to be sent. An executor may have ended one that it was never given.
func queued(e *book.Executor, tasks []*mesospb.TaskInfo) []*mesospb.TaskInfo {
	return slices.DeleteFunc(slices.Clone(tasks), func(t *mesospb.TaskInfo) bool { return !e.IsQueued(ids.TaskOf(t.GetTaskId())) })
}

// refuseGroup answers for tasks that the executor has no words for.
//
// Differs: Mesos sends them all the same, and nobody hears of them again.
func (s *Slave) refuseGroup(e *book.Executor, tasks []*mesospb.TaskInfo) {
	for _, t := range tasks {
		s.updates.Report(e.Framework, ids.TaskOf(t.GetTaskId()), e.ID, updates.Outcome{
			State: mesospb.TaskState_TASK_ERROR, Reason: mesospb.TaskStatus_REASON_TASK_GROUP_INVALID,
			Message: "Task groups need an executor that speaks HTTP",
		})
	}
}

func contains(names []string, id ids.Task) bool {
	for _, n := range names {
		if n == string(id) {
			return true
		}
	}
	return false
}

// updateFailed kills a container that cannot have what its tasks need.
func (s *Slave) updateFailed(f *book.Framework, e *book.Executor, err error) {
	s.Log().Error().Err(err).Stringer("container_id", e.Container).Msg("container's resources not updated, killing it")
	e.Termination = &slavepb.ContainerTermination{
		State:   f.LostOr(mesospb.TaskState_TASK_GONE).Enum(),
		Reason:  mesospb.TaskStatus_REASON_CONTAINER_UPDATE_FAILED.Enum(),
		Message: proto.String(fmt.Sprintf("Failed to update resources for container: %v", err)),
	}
	s.containers.Destroy(e.Container)
}
