package agents

import (
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
)

// Two masters of a partitioned cluster can both launch a task, so that it is on two agents. Such a task is killed on
// the agent that registered later. Its scheduler gets no update about it, because for the scheduler the task is on the
// other agent. Its resources count as used until it is terminal.
//
// Differs: Mesos aborts.

// killDuplicates kills the tasks of a that are duplicates.
func (r *Registrations) killDuplicates(a *book.Agent) {
	for _, t := range a.Duplicates() {
		if !t.HoldsResources() {
			continue
		}
		r.Log().Error().Stringer("task_id", t.ID).Stringer("framework_id", t.Framework).Stringer("agent_id", a.ID).
			Msg("task is on another agent, too, killing it here")
		r.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: t.Framework.Proto(), TaskId: t.ID.Proto()})
	}
}
