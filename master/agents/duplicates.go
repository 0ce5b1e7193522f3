package agents

import (
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
)

// A task that is on two agents, which two masters of a divided cluster can have brought about, is killed on the one that came
// later. Its scheduler hears nothing of that: for it the task is on the other agent. The resources are in use until it is over.
//
// Differs: the reference aborts.

// killDuplicates tells a to kill its duplicates.
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
