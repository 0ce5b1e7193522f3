package updates

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/membership"
)

// Forward sends an update to the master, with the latest known state of the task.
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

// latest returns the state of a task that is sent with an update of it.
//
// Differs: Mesos sends the terminal state with the update before the terminal one. Its master counts a task by the
// status with which it becomes terminal, and would then not count the task at all. In Mesos this does not happen
// because a task takes a tenth of a second to end, in which earlier updates are acknowledged; here it takes less. So
// the terminal state is sent early only with an update that has to be resent: the scheduler is slow, and the master
// should get the resources back.
func latest(t *mesospb.Task, u *internalpb.StatusUpdate) mesospb.TaskState {
	state := u.GetStatus().GetState()
	sentBefore := bytes.Equal(t.GetStatusUpdateUuid(), u.GetUuid())
	if tasks.IsTerminal(t.GetState()) && !tasks.IsTerminal(state) && !sentBefore {
		return state
	}
	return t.GetState()
}

// Acknowledge handles a scheduler's acknowledgement of an update. It need not come from the master, because schedulers
// as old as Mesos 0.20 answer the agent directly.
//
// Mesos: Slave::statusUpdateAcknowledgement.
//
// Differs: Mesos takes it from everybody who is not called a master.
func (s *Updates) Acknowledge(from runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
	f := s.book.Framework(ids.FrameworkOf(m.GetFrameworkId()))
	if (f == nil || from != f.PID || from.IsZero()) && !s.agent.FromMaster(from, "status update acknowledgement") {
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

// acknowledged completes a task whose terminal update was acknowledged, and calls Completed.
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

// Recover makes the manager go on with the updates of a task that an earlier run of the agent has written to file.
func (s *Updates) Recover(file string, r statusupdate.Recorded) {
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) { m.Recover(file, r) })
}

// Pause keeps the manager from forwarding until [Updates.Resume], while the agent is not registered.
func (s *Updates) Pause() { runtime.Tell(s.manager, (*statusupdate.StatusUpdateManager).Pause) }

// Resume makes the manager forward all unacknowledged updates at once.
func (s *Updates) Resume() { runtime.Tell(s.manager, (*statusupdate.StatusUpdateManager).Resume) }

// Again makes the manager forward the unacknowledged updates of a framework at once.
func (s *Updates) Again(f ids.Framework) {
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) { m.Again(f) })
}

// Close forgets all updates of a framework that is shut down.
func (s *Updates) Close(f ids.Framework) {
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) { m.Close(f) })
}

// CloseParted forgets the updates of frameworks without executors and tasks. It is called after a re-registration, in
// which the master asks about tasks that it misses.
func (s *Updates) CloseParted() {
	here := map[ids.Framework]bool{}
	for f := range s.book.Frameworks() {
		here[f.ID] = true
	}
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) {
		m.CloseFunc(func(f ids.Framework) bool { return !here[f] })
	})
}
