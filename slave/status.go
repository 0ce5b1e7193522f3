package slave

import (
	"bytes"
	"net"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/validate"
)

// newUpdate is an update that the agent makes. executor is empty if the task never had one.
func (s *Slave) newUpdate(f ids.Framework, t ids.Task, executor ids.Executor, o outcome) *internalpb.StatusUpdate {
	status := o.status(t)
	status.SlaveId, status.Timestamp, status.Uuid = s.membership.Info().GetId(), proto.Float64(seconds(s.Now())), s.uuid()
	if executor != "" {
		status.ExecutorId = executor.Proto()
	}
	return tasks.Update(f, status)
}

// statusUpdate is an executor's word about a task.
//
// Mesos: Slave::statusUpdate.
func (s *Slave) statusUpdate(from runtime.PID, m *internalpb.StatusUpdateMessage) {
	sender, err := runtime.ParsePID(m.GetPid())
	if err != nil {
		sender = from
	}
	u := m.GetUpdate()
	log := s.Log().With().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Stringer("from", sender).Logger()
	if _, err := ids.UUIDOf(u.GetUuid()); err != nil {
		log.Warn().Err(err).Msg("status update ignored")
		s.counts.Updates.Invalid++
		return
	}
	if ids.AgentOf(u.GetSlaveId()) != s.membership.ID() || ids.AgentOf(u.GetStatus().GetSlaveId()) != s.membership.ID() {
		log.Warn().Str("agent_id", u.GetSlaveId().GetValue()).Msg("status update ignored: meant for another agent")
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

// report takes an update that the agent made.
func (s *Slave) report(u *internalpb.StatusUpdate) { s.accept(report{update: u, own: true}) }

// accept takes a report that makes sense.
func (s *Slave) accept(r report) {
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
	s.drainStatus(f, r.update.GetStatus())
	if e != nil {
		r.executor = e.ID
		e.Expect(r.update.GetStatus())
	}
	s.reports.enqueue(r)
}

// refuseState ends an executor that reports one of its tasks to be in a state that is not its to report. e is nil when
// the task is none of an executor.
func (s *Slave) refuseState(e *book.Executor, r report) {
	s.counts.Updates.Invalid++
	s.Log().Error().Stringer("task_id", r.task()).Stringer("state", r.state()).Msg("status update refused: executors may not report this state")
	if e != nil {
		s.endExecutor(e)
	}
}

// containerOf is the container a task runs in: its executor's, unless it says better.
func containerOf(e *book.Executor, status *mesospb.TaskStatus) ids.Container {
	if c := status.GetContainerStatus().GetContainerId(); c != nil {
		return ids.ContainerOf(c)
	}
	return e.Container
}

func host(p runtime.PID) string {
	h, _, _ := net.SplitHostPort(p.Addr)
	return h
}

// forward sends an update to the master, with the newest that is known of the task beside it.
//
// Mesos: Slave::forward.
func (s *Slave) forward(u *internalpb.StatusUpdate) {
	if s.membership.State() != membership.Running {
		s.Log().Warn().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Msg("status update not sent: not registered")
		return
	}
	u = proto.CloneOf(u)
	u.Status.Uuid = u.GetUuid()
	task := ids.TaskOf(u.GetStatus().GetTaskId())
	if f := s.book.Framework(ids.FrameworkOf(u.GetFrameworkId())); f != nil {
		if e := f.ExecutorOf(task); e != nil && e.Task(task) != nil {
			u.LatestState = latest(e.Task(task), u).Enum()
			e.Forward(task, u.GetStatus().GetState(), u.GetUuid())
		}
	}
	s.Log().Info().Stringer("task_id", task).Stringer("state", u.GetStatus().GetState()).Msg("status update sent")
	s.membership.SendMaster(&internalpb.StatusUpdateMessage{Update: u, Pid: proto.String(s.Self().String())})
}

// latest is the state of a task to be told beside an update of it.
//
// Differs: the reference tells the end of a task with the update before the one that is about the end, and its master,
// which counts a task by the status it ends with, then counts it nowhere. There a task takes a tenth of a second to end,
// in which the updates before have been acknowledged; here it does not. So the end is told early only if an update has to
// be sent again: the scheduler takes its time, and the master should have the resources back.
func latest(t *mesospb.Task, u *internalpb.StatusUpdate) mesospb.TaskState {
	state := u.GetStatus().GetState()
	sentBefore := bytes.Equal(t.GetStatusUpdateUuid(), u.GetUuid())
	if tasks.IsTerminal(t.GetState()) && !tasks.IsTerminal(state) && !sentBefore {
		return state
	}
	return t.GetState()
}

// statusUpdateAcknowledgement is the scheduler's word that it has an update, by way of the master.
//
// Mesos: Slave::statusUpdateAcknowledgement.
//
// It need not be the master's: schedulers as old as Mesos 0.20 answer the agent directly.
func (s *Slave) statusUpdateAcknowledgement(from runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
	if strings.HasPrefix(from.ID, "master") && !s.membership.FromMaster(from, "status update acknowledgement") {
		return
	}
	if s.membership.State() == membership.Disconnected {
		s.Log().Warn().Msg("acknowledgement ignored: not registered")
		return
	}
	uuid, err := ids.UUIDOf(m.GetUuid())
	if err != nil {
		s.Log().Warn().Err(err).Msg("acknowledgement ignored")
		return
	}
	a := statusupdate.Ack{Framework: ids.FrameworkOf(m.GetFrameworkId()), Task: ids.TaskOf(m.GetTaskId()), UUID: uuid}
	taken := runtime.Flatten(runtime.Call(s.updates, (*statusupdate.StatusUpdateManager).Acknowledge, a))
	runtime.Await(s, taken, func(o statusupdate.Outcome, err error) { s.acknowledged(a, o, err) })
}

// acknowledged closes the books on a task whose end was acknowledged, and on what that leaves without a purpose.
//
// Mesos: Slave::_statusUpdateAcknowledgement.
func (s *Slave) acknowledged(a statusupdate.Ack, o statusupdate.Outcome, err error) {
	if err != nil {
		s.Log().Warn().Err(err).Stringer("framework_id", a.Framework).Msg("acknowledgement ignored")
		return
	}
	f := s.book.Framework(a.Framework)
	if f == nil {
		return
	}
	e := f.ExecutorOf(a.Task)
	if e == nil {
		return
	}
	if o.Terminated && e.IsTerminated(a.Task) {
		e.Complete(a.Task)
		s.recorder.RetireTask(e, a.Task)
	}
	if e.State == book.Terminated && !e.Incomplete() {
		s.removeExecutor(f, e)
	}
	s.leaveIfIdle(f.ID)
}
