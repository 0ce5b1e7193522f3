package master

import (
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
	"meseta/messages/tasks"
)

// A task that is on two agents, which two masters of a divided cluster can have brought about, is killed on the one that came
// later. Its scheduler hears nothing of that: for it the task is on the other agent. The resources are in use until it is over.
//
// Differs: the reference aborts.

// killDuplicates tells a to kill its duplicates.
func (m *Master) killDuplicates(a *book.Agent) {
	for _, t := range a.Duplicates() {
		if !t.HoldsResources() {
			continue
		}
		m.Log().Error().Stringer("task_id", t.ID).Stringer("framework_id", t.Framework).Stringer("agent_id", a.ID).
			Msg("task is on another agent, too, killing it here")
		m.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: t.Framework.Proto(), TaskId: t.ID.Proto()})
	}
}

// duplicateUpdate acknowledges what an agent says of a duplicate, in the place of its scheduler.
func (m *Master) duplicateUpdate(a *book.Agent, t *book.Task, u *internalpb.StatusUpdate) {
	if tasks.IsTerminal(u.GetStatus().GetState()) {
		m.cluster.RemoveDuplicate(t)
		m.checkDrained(a)
	}
	m.Send(a.PID, &internalpb.StatusUpdateAcknowledgementMessage{
		SlaveId: a.Info.Id, FrameworkId: u.FrameworkId, TaskId: u.GetStatus().GetTaskId(), Uuid: u.Uuid,
	})
}
