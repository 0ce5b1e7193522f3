package tasks

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// StatusUpdate records an agent's update of a task and passes it on to the scheduler. The agent resends it until it is
// acknowledged.
//
// Mesos: Master::statusUpdate.
func (all *Tasks) StatusUpdate(from runtime.PID, msg *internalpb.StatusUpdateMessage) {
	u := msg.GetUpdate()
	a := all.book.Agent(ids.AgentOf(u.GetSlaveId()))
	if a == nil {
		all.Log().Warn().Str("agent_id", u.GetSlaveId().GetValue()).Stringer("from", from).Msg("status update of an unknown agent ignored")
		all.counts.Updates.Invalid++
		return
	}
	if err := ids.CheckUUID(u.GetUuid()); err != nil {
		all.Log().Warn().Err(err).Stringer("agent_id", a.ID).Msg("status update without a valid UUID ignored")
		all.counts.Updates.Invalid++
		return
	}
	key := book.TaskKey{Framework: ids.FrameworkOf(u.GetFrameworkId()), Task: ids.TaskOf(u.GetStatus().GetTaskId())}
	if t := a.Duplicate(key); t != nil {
		all.duplicateUpdate(a, t, u)
		return
	}
	f := all.book.Framework(key.Framework)
	valid := f != nil && f.Connected()
	if valid {
		all.cluster.Forward(u, msg.GetPid(), f)
	}
	t := a.Task(key)
	if t == nil {
		all.Log().Warn().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Stringer("agent_id", a.ID).Msg("status update of an unknown task")
		all.counts.Updates.Invalid++
		return
	}
	all.counts.Updates.Count(valid)
	all.cluster.Apply(t, u)
}

// Acknowledge passes an acknowledgement on to the agent. The task is removed when its terminal update is acknowledged.
//
// Mesos: Master::acknowledge.
func (all *Tasks) Acknowledge(f *book.Framework, msg *internalpb.StatusUpdateAcknowledgementMessage) {
	a := all.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil || !a.Connected {
		all.Log().Warn().Stringer("framework_id", f.ID).Str("agent_id", msg.GetSlaveId().GetValue()).
			Msg("acknowledgement for an agent that is unknown or disconnected ignored")
		all.counts.Acknowledgements.Invalid++
		return
	}
	t := a.Task(book.TaskKey{Framework: f.ID, Task: ids.TaskOf(msg.GetTaskId())})
	if t != nil && !t.WasForwarded() {
		all.Log().Warn().Stringer("framework_id", f.ID).Stringer("task_id", t.ID).
			Msg("acknowledgement of an update that this master did not send ignored")
		all.counts.Acknowledgements.Invalid++
		return
	}
	all.counts.Acknowledgements.Valid++
	if t != nil && t.EndsWith(msg.GetUuid()) {
		all.cluster.RemoveTask(t, false)
		all.ended(a)
	}
	all.Send(a.PID, msg)
}

// duplicateUpdate acknowledges an update of a duplicate in the scheduler's place.
func (all *Tasks) duplicateUpdate(a *book.Agent, t *book.Task, u *internalpb.StatusUpdate) {
	if tasks.IsTerminal(u.GetStatus().GetState()) {
		all.cluster.RemoveDuplicate(t)
		all.ended(a)
	}
	all.Send(a.PID, &internalpb.StatusUpdateAcknowledgementMessage{
		SlaveId: a.Info.Id, FrameworkId: u.FrameworkId, TaskId: u.GetStatus().GetTaskId(), Uuid: u.Uuid,
	})
}
