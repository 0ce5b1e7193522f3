package slave

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/tasks"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// terminated ends the tasks of an executor whose container is over, and tells the master of both.
//
// Mesos: Slave::executorTerminated.
func (s *Slave) terminated(x book.Run, t *slavepb.ContainerTermination, err error) {
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
	if s.membership.State() == membership.Terminating || f.Terminating || !e.Incomplete() {
		s.removeExecutor(f, e)
	}
	s.leaveIfIdle(f.ID)
}

// endTasks reports the end of all tasks of an executor that are not over.
func (s *Slave) endTasks(e *book.Executor, o updates.Outcome) {
	for t := range e.Launched() {
		if !tasks.IsTerminal(t.GetState()) {
			s.updates.Report(e.Framework, ids.TaskOf(t.GetTaskId()), e.ID, o)
		}
	}
	for _, t := range e.Queued() {
		s.updates.Report(e.Framework, ids.TaskOf(t.GetTaskId()), e.ID, o)
	}
}

// whyEnded joins what the agent knows about the end of an executor with what the containerizer says of it.
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

// completed closes the books on an executor that has ended and whose updates are all acknowledged, and on its framework.
func (s *Slave) completed(f *book.Framework, e *book.Executor) {
	if e.State == book.Terminated && !e.Incomplete() {
		s.removeExecutor(f, e)
	}
	s.leaveIfIdle(f.ID)
}

// removeExecutor closes the books on an executor. Its sandbox stays until it is collected.
//
// Mesos: Slave::removeExecutor.
func (s *Slave) removeExecutor(f *book.Framework, e *book.Executor) {
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Msg("executor removed")
	f.RemoveExecutor(e)
	s.recorder.RetireRun(e, !f.HasPendingFor(e.ID))
}

// leaveIfIdle closes the books on a framework that has nothing left here.
//
// Mesos: Slave::removeFramework.
//
// Differs: updates that a framework has not acknowledged go on being sent when it has merely nothing left to run, so
// that a task refused before its executor existed is not reported only once.
func (s *Slave) leaveIfIdle(id ids.Framework) {
	f := s.book.Framework(id)
	if f == nil || !f.Idle() {
		return
	}
	s.Log().Info().Stringer("framework_id", id).Msg("framework removed")
	if f.Terminating {
		s.updates.Close(id)
	}
	s.book.Remove(f)
	s.recorder.RetireFramework(f)
	s.drained()
	if s.membership.State() == membership.Terminating && s.book.Empty() {
		s.Terminate()
	}
}

// exitedExecutor tells the master that an executor it counts on is not there. status is that of its process, -1 if
// unknown.
func (s *Slave) exitedExecutor(f ids.Framework, e ids.Executor, status int32) {
	s.membership.SendMaster(&internalpb.ExitedExecutorMessage{
		SlaveId: s.membership.Info().GetId(), FrameworkId: f.Proto(), ExecutorId: e.Proto(), Status: proto.Int32(status),
	})
}
