package updates

import (
	"bytes"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/membership"
)

// Forward sends an update to the master, with the newest that is known of the task beside it.
//
// Mesos: Slave::forward.
func (s *Updates) Forward(u *internalpb.StatusUpdate) {
	if s.agent.State() != membership.Running {
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
	s.agent.SendMaster(&internalpb.StatusUpdateMessage{Update: u, Pid: proto.String(s.Self().String())})
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

// Acknowledge is the scheduler's word that it has an update, by way of the master.
//
// Mesos: Slave::statusUpdateAcknowledgement.
//
// It need not be the master's: schedulers as old as Mesos 0.20 answer the agent directly.
func (s *Updates) Acknowledge(from runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
	if strings.HasPrefix(from.ID, "master") && !s.agent.FromMaster(from, "status update acknowledgement") {
		return
	}
	if s.agent.State() == membership.Disconnected {
		s.Log().Warn().Msg("acknowledgement ignored: not registered")
		return
	}
	uuid, err := ids.UUIDOf(m.GetUuid())
	if err != nil {
		s.Log().Warn().Err(err).Msg("acknowledgement ignored")
		return
	}
	a := statusupdate.Ack{Framework: ids.FrameworkOf(m.GetFrameworkId()), Task: ids.TaskOf(m.GetTaskId()), UUID: uuid}
	taken := runtime.Flatten(runtime.Call(s.manager, (*statusupdate.StatusUpdateManager).Acknowledge, a))
	runtime.Await(s, taken, func(o statusupdate.Outcome, err error) { s.acknowledged(a, o, err) })
}

// acknowledged closes the books on a task whose end was acknowledged, and on what that leaves without a purpose.
//
// Mesos: Slave::_statusUpdateAcknowledgement.
func (s *Updates) acknowledged(a statusupdate.Ack, o statusupdate.Outcome, err error) {
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
	s.completed(f, e)
}

// Pause keeps the manager from forwarding, until [Updates.Resume]: there is no master that knows of this agent.
func (s *Updates) Pause() { runtime.Tell(s.manager, (*statusupdate.StatusUpdateManager).Pause) }

// Resume has the manager forward what is not acknowledged, at once.
func (s *Updates) Resume() { runtime.Tell(s.manager, (*statusupdate.StatusUpdateManager).Resume) }

// Close forgets all updates of a framework that is shut down.
func (s *Updates) Close(f ids.Framework) {
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) { m.Close(f) })
}

// CloseParted forgets the updates of frameworks that have nothing here. It is for a master that has just heard what the agent
// has, and asks about tasks that it misses.
func (s *Updates) CloseParted() {
	here := map[ids.Framework]bool{}
	for f := range s.book.Frameworks() {
		here[f.ID] = true
	}
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) {
		m.CloseFunc(func(f ids.Framework) bool { return !here[f] })
	})
}
