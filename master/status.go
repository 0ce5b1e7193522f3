package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// statusUpdate passes an agent's update on to the scheduler, and notes the state of the task. Whether the scheduler got
// it is the agent's business, which repeats it until it is acknowledged.
//
// Mesos: Master::statusUpdate.
func (m *Master) statusUpdate(from runtime.PID, msg *internalpb.StatusUpdateMessage) {
	u := msg.GetUpdate()
	a := m.book.Agent(ids.AgentOf(u.GetSlaveId()))
	if a == nil {
		m.Log().Warn().Str("agent_id", u.GetSlaveId().GetValue()).Stringer("from", from).Msg("status update of an unknown agent ignored")
		m.counts.Updates.Invalid++
		return
	}
	if err := validate.UUID(u.GetUuid()); err != nil {
		m.Log().Warn().Err(err).Stringer("agent_id", a.ID).Msg("status update without a valid UUID ignored")
		m.counts.Updates.Invalid++
		return
	}
	f := m.book.Framework(ids.FrameworkOf(u.GetFrameworkId()))
	valid := f != nil && f.Connected()
	if valid {
		m.forward(u, msg.GetPid(), f)
	}
	t := a.Task(book.TaskKey{Framework: ids.FrameworkOf(u.GetFrameworkId()), Task: ids.TaskOf(u.GetStatus().GetTaskId())})
	if t == nil {
		m.Log().Warn().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Stringer("agent_id", a.ID).Msg("status update of an unknown task")
		m.counts.Updates.Invalid++
		return
	}
	m.counts.Updates.Count(valid)
	m.apply(t, u)
}

// forward sends an update to the scheduler. acknowledgee is where it has to be acknowledged.
func (m *Master) forward(u *internalpb.StatusUpdate, acknowledgee string, f *book.Framework) {
	if u.Uuid != nil {
		if t := f.Task(ids.TaskOf(u.GetStatus().GetTaskId())); t != nil {
			t.Forward(u.GetStatus())
		}
	}
	m.send(f, &internalpb.StatusUpdateMessage{Update: u, Pid: &acknowledgee})
}

// apply notes the state of t, and gives its resources back if it is over.
func (m *Master) apply(t *book.Task, u *internalpb.StatusUpdate) {
	statuses := len(t.Statuses)
	if t.Update(u) {
		m.counts.Ended(u.GetStatus())
		if f := m.book.Framework(t.Framework); f != nil {
			f.Counts.Ended.Add(int32(t.State))
		}
		m.allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	if len(t.Statuses) > statuses || isAboutCheck(u.GetStatus()) {
		m.publishTaskUpdated(t, u.GetStatus())
	}
	m.Log().Debug().Stringer("task_id", t.ID).Stringer("framework_id", t.Framework).Stringer("state", u.GetStatus().GetState()).
		Stringer("latest_state", t.State).Msg("task updated")
}

// isAboutCheck reports whether a status tells how a check or a health check went, which does not change the task's state.
func isAboutCheck(s *mesospb.TaskStatus) bool {
	switch s.GetReason() {
	case mesospb.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED, mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED:
		return true
	}
	return false
}

// end applies the last update of t, takes it out of the book and tells its scheduler.
func (m *Master) end(t *book.Task, u *internalpb.StatusUpdate, unreachable bool) {
	f := m.book.Framework(t.Framework)
	m.apply(t, u)
	m.removeTask(t, unreachable)
	if f.Connected() {
		m.forward(u, events.NoPID, f)
	}
}

// removeTask takes t out of the book, and its resources back if it was not over.
//
// Mesos: Master::removeTask.
func (m *Master) removeTask(t *book.Task, unreachable bool) {
	if t.HoldsResources() {
		m.allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	m.book.RemoveTask(t, unreachable)
}

// statusUpdateAcknowledgement is ACKNOWLEDGE of old schedulers.
func (m *Master) statusUpdateAcknowledgement(from runtime.PID, msg *internalpb.StatusUpdateAcknowledgementMessage) {
	f := m.sender(from, msg.GetFrameworkId(), "status update acknowledgement")
	err := validate.UUID(msg.GetUuid())
	if f == nil || err != nil {
		m.Log().Warn().Err(err).Stringer("from", from).Msg("acknowledgement without a framework or a valid UUID ignored")
		m.counts.Acknowledgements.Invalid++
		return
	}
	m.acknowledge(f, msg)
}

// acknowledge passes an acknowledgement on to the agent. That of its end is the last that is heard of a task.
//
// Mesos: Master::acknowledge.
func (m *Master) acknowledge(f *book.Framework, msg *internalpb.StatusUpdateAcknowledgementMessage) {
	a := m.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil || !a.Connected {
		m.Log().Warn().Stringer("framework_id", f.ID).Str("agent_id", msg.GetSlaveId().GetValue()).
			Msg("acknowledgement for an agent that is unknown or disconnected ignored")
		m.counts.Acknowledgements.Invalid++
		return
	}
	t := a.Task(book.TaskKey{Framework: f.ID, Task: ids.TaskOf(msg.GetTaskId())})
	if t != nil && !t.WasForwarded() {
		m.Log().Warn().Stringer("framework_id", f.ID).Stringer("task_id", t.ID).
			Msg("acknowledgement of an update that this master did not send ignored")
		m.counts.Acknowledgements.Invalid++
		return
	}
	m.counts.Acknowledgements.Valid++
	if t != nil && t.EndsWith(msg.GetUuid()) {
		m.removeTask(t, false)
		m.checkDrained(a)
	}
	m.Send(a.PID, msg)
}

// exitedExecutor takes an executor out of the book that ended on its agent.
//
// Mesos: Master::exitedExecutor.
func (m *Master) exitedExecutor(from runtime.PID, msg *internalpb.ExitedExecutorMessage) {
	id := ids.AgentOf(msg.GetSlaveId())
	key := book.ExecutorKey{Framework: ids.FrameworkOf(msg.GetFrameworkId()), Executor: ids.ExecutorOf(msg.GetExecutorId())}
	a := m.book.Agent(id)
	if m.book.IsCompleted(key.Framework) {
		return // it ended with its framework, and was taken out of the book then
	}
	if a == nil || a.Executor(key) == nil {
		m.Log().Warn().Stringer("executor_id", key.Executor).Stringer("agent_id", id).Stringer("from", from).
			Msg("exit of an unknown executor ignored")
		return
	}
	m.Log().Info().Stringer("executor_id", key.Executor).Stringer("framework_id", key.Framework).Stringer("agent_id", id).
		Int32("status", msg.GetStatus()).Msg("executor exited")
	m.removeExecutor(a.Executor(key))
	if f := m.book.Framework(key.Framework); f != nil && f.Connected() {
		m.send(f, msg)
	}
}

// removeExecutor takes e out of the book and its resources back.
func (m *Master) removeExecutor(e *book.Executor) {
	m.allocator.Recover(e.Framework, e.Agent, e.Resources, nil, true)
	m.book.RemoveExecutor(e)
}

// ---- updates that the master makes ----

// update is an update from the master itself: it has no UUID, since nobody would wait for its acknowledgement.
//
// Mesos: protobuf::createStatusUpdate.
func (m *Master) update(framework ids.Framework, task *mesospb.TaskID, agent *mesospb.SlaveID, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) *internalpb.StatusUpdate {
	now := proto.Float64(m.seconds())
	return &internalpb.StatusUpdate{
		FrameworkId: framework.Proto(), SlaveId: agent, Timestamp: now,
		Status: &mesospb.TaskStatus{
			TaskId: task, SlaveId: agent, State: state.Enum(), Message: &message, Reason: reason.Enum(),
			Source: mesospb.TaskStatus_SOURCE_MASTER.Enum(), Timestamp: now,
		},
	}
}

// taskUpdate is update for a task that is in the book.
func (m *Master) taskUpdate(t *book.Task, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) *internalpb.StatusUpdate {
	u := m.update(t.Framework, t.Described.TaskId, t.Described.SlaveId, state, message, reason)
	u.ExecutorId = t.Described.ExecutorId
	return u
}

// repeatLast adds to a status what the last one of t said of its health and container.
func repeatLast(s *mesospb.TaskStatus, t *book.Task) {
	if last := t.Last(); last != nil {
		s.Healthy, s.CheckStatus, s.ContainerStatus = last.Healthy, last.CheckStatus, last.ContainerStatus
	}
}

// seconds is the time as timestamps have it.
func (m *Master) seconds() float64 { return float64(m.Now().UnixNano()) / 1e9 }
