package book

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Restore adds a task that an earlier run of the agent has given to the executor, with its statuses in order. If
// completed is set, the last status is terminal and was acknowledged. t belongs to the book afterwards.
//
// Mesos: Executor::recoverTask.
func (e *Executor) Restore(t *mesospb.Task, statuses []*mesospb.TaskStatus, completed bool) {
	id := ids.TaskOf(t.GetTaskId())
	e.picture, e.sent = nil, true
	e.launched.Set(id, &Task{Message: t})
	if e.index != nil {
		e.index[id] = e
	}
	for _, s := range statuses {
		_ = e.Apply(s) // fails only for a status after the terminal one
	}
	if completed {
		e.Complete(id)
	}
}

// Reported reports whether a completed task had a status, by its UUID. Only the latest completed tasks are remembered.
func (e *Executor) Reported(s *mesospb.TaskStatus) bool {
	return slices.ContainsFunc(e.completed.items, func(t *Task) bool {
		return t.Message.GetTaskId().GetValue() == s.GetTaskId().GetValue() && has(t.Message, s)
	})
}
