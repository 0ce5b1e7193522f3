package lifecycle

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/tasks"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// End shuts an executor down, and kills it if it does not end within the grace period.
//
// Mesos: Slave::_shutdownExecutor.
func (s *Executors) End(e *book.Executor) {
	if e.State >= book.Terminating {
		return
	}
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).Msg("shutting down executor")
	e.State = book.Terminating
	if e.Line.Open() {
		s.lines.Tell(e, &executorpb.Event{Type: executorpb.Event_SHUTDOWN.Enum()})
	}
	grace := s.grace
	if d := e.Info.GetShutdownGracePeriod(); d != nil {
		grace = time.Duration(d.GetNanoseconds())
	}
	x := e.Run()
	s.Delay(grace, func() { s.graceOver(x) })
}

// graceOver kills an executor that is still there at the end of its grace period.
//
// Mesos: Slave::shutdownExecutorTimeout.
func (s *Executors) graceOver(x book.Run) {
	if _, e := s.book.Find(x); e != nil && e.State == book.Terminating {
		s.Log().Info().Stringer("executor_id", x.Executor).Msg("killing executor")
		s.containers.Destroy(x.Container)
	}
}

// terminated reports the end of an executor whose container has terminated, and the end of its tasks.
//
// Mesos: Slave::executorTerminated.
func (s *Executors) terminated(x book.Run, t *slavepb.ContainerTermination, err error) {
	f, e := s.book.Find(x)
	if e == nil || e.State == book.Terminated {
		return
	}
	status := int32(-1)
	if err == nil && t.Status != nil {
		status = t.GetStatus()
	}
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Int32("status", status).AnErr("err", err).
		Msg("executor terminated")
	e.State = book.Terminated
	s.counts.ExecutorsTerminated++
	s.lines.HangUp(e)
	if f.Terminating {
		e.Abandon()
	} else {
		s.endTasks(e, whyEnded(e.Termination, t, err))
	}
	if !e.Command {
		s.exitedExecutor(f.ID, e.ID, status)
	}
	if s.agent.State() == membership.Terminating || f.Terminating || !e.Incomplete() {
		s.Remove(f, e)
	}
	s.idle(f.ID)
}

// endTasks reports the end of all tasks of an executor that are not terminal.
func (s *Executors) endTasks(e *book.Executor, o updates.Outcome) {
	for t := range e.Launched() {
		if !tasks.IsTerminal(t.GetState()) {
			s.updates.Report(e.Framework, ids.TaskOf(t.GetTaskId()), e.ID, o)
		}
	}
	for _, t := range e.Queued() {
		s.updates.Report(e.Framework, ids.TaskOf(t.GetTaskId()), e.ID, o)
	}
}

// whyEnded combines what the agent and the containerizer know about the end of an executor.
//
// Mesos: Slave::sendExecutorTerminatedStatusUpdate.
func whyEnded(own, told *slavepb.ContainerTermination, err error) updates.Outcome {
	if err != nil {
		told = nil
	}
	o := updates.Outcome{State: mesospb.TaskState_TASK_FAILED, Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED}
	for _, t := range []*slavepb.ContainerTermination{own, told} { // the containerizer's word weighs more
		if t != nil && t.State != nil {
			o.State = t.GetState()
		}
		if t != nil && t.Reason != nil {
			o.Reason = t.GetReason()
		}
	}
	var messages []string
	if m := own.GetMessage(); m != "" {
		messages = append(messages, m)
	}
	if err != nil {
		messages = append(messages, "Abnormal executor termination: "+err.Error())
	} else if m := told.GetMessage(); m != "" {
		messages = append(messages, m)
	}
	o.Message = cmp.Or(strings.Join(messages, "; "), "Executor terminated")
	if rs := told.GetLimitedResources(); len(rs) > 0 {
		o.Limitation = &mesospb.TaskResourceLimitation{Resources: rs}
	}
	return o
}

// Completed removes an executor that has terminated and has no incomplete tasks, and its framework if that is idle.
func (s *Executors) Completed(f *book.Framework, e *book.Executor) {
	if e.State == book.Terminated && !e.Incomplete() {
		s.Remove(f, e)
	}
	s.idle(f.ID)
}

// Remove removes an executor from the book. Its sandbox stays until it is garbage collected.
//
// Mesos: Slave::removeExecutor.
func (s *Executors) Remove(f *book.Framework, e *book.Executor) {
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Msg("executor removed")
	s.tellRemoved(f, e)
	f.RemoveExecutor(e)
	s.recorder.RetireRun(e, !f.HasPendingFor(e.ID))
}

// exitedExecutor tells the master that an executor does not run. status is the wait status of its process, -1 if unknown.
func (s *Executors) exitedExecutor(f ids.Framework, e ids.Executor, status int32) {
	s.agent.SendMaster(&internalpb.ExitedExecutorMessage{
		SlaveId: s.agent.Info().GetId(), FrameworkId: f.Proto(), ExecutorId: e.Proto(), Status: proto.Int32(status),
	})
}

// UpdateFailed kills an executor whose container could not be given the resources of its tasks.
func (s *Executors) UpdateFailed(f *book.Framework, e *book.Executor, err error) {
	s.Log().Error().Err(err).Stringer("container_id", e.Container).Msg("container's resources not updated, killing it")
	s.Destroy(e, updates.Outcome{
		State:   f.LostOr(mesospb.TaskState_TASK_GONE),
		Reason:  mesospb.TaskStatus_REASON_CONTAINER_UPDATE_FAILED,
		Message: fmt.Sprintf("Failed to update resources for container: %v", err),
	})
}

// Destroy kills the container of an executor. Its tasks end as why says, unless the containerizer knows better.
func (s *Executors) Destroy(e *book.Executor, why updates.Outcome) {
	e.Termination = &slavepb.ContainerTermination{State: why.State.Enum(), Reason: why.Reason.Enum(), Message: proto.String(why.Message)}
	s.containers.Destroy(e.Container)
}

// NotLaunched tells the master that an executor which it expects was not started.
func (s *Executors) NotLaunched(l *book.Launch) {
	if l.Fresh != nil && *l.Fresh {
		s.exitedExecutor(l.Framework, l.ExecutorID(), -1)
	}
}
