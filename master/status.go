package master

import (
	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
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
	key := book.TaskKey{Framework: ids.FrameworkOf(u.GetFrameworkId()), Task: ids.TaskOf(u.GetStatus().GetTaskId())}
	if t := a.Duplicate(key); t != nil {
		m.duplicateUpdate(a, t, u)
		return
	}
	f := m.book.Framework(key.Framework)
	valid := f != nil && f.Connected()
	if valid {
		m.cluster.Forward(u, msg.GetPid(), f)
	}
	t := a.Task(key)
	if t == nil {
		m.Log().Warn().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Stringer("agent_id", a.ID).Msg("status update of an unknown task")
		m.counts.Updates.Invalid++
		return
	}
	m.counts.Updates.Count(valid)
	m.cluster.Apply(t, u)
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
		m.cluster.RemoveTask(t, false)
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
	m.cluster.RemoveExecutor(a.Executor(key))
	if f := m.book.Framework(key.Framework); f != nil && f.Connected() {
		m.cluster.Tell(f, msg)
	}
}
