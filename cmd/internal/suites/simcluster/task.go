package simcluster

import (
	"bytes"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

// update notes a status, unless it is one that came before.
func (t *Task) update(status *mesospb.TaskStatus) {
	for _, known := range t.Statuses {
		if len(status.GetUuid()) > 0 && bytes.Equal(known.GetUuid(), status.GetUuid()) {
			t.Repeated++
			return
		}
	}
	t.Statuses = append(t.Statuses, status)
}

// State is the newest that is known; TASK_STAGING if nothing is.
func (t *Task) State() mesospb.TaskState {
	if len(t.Statuses) == 0 {
		return mesospb.TaskState_TASK_STAGING
	}
	return t.Statuses[len(t.Statuses)-1].GetState()
}

// States are all that were told.
func (t *Task) States() []mesospb.TaskState {
	var states []mesospb.TaskState
	for _, s := range t.Statuses {
		states = append(states, s.GetState())
	}
	return states
}

// Over reports whether the task has come to its end, as far as the framework can know.
func (t *Task) Over() bool { return t.removed || len(t.Ends()) > 0 || tasks.IsTerminal(t.State()) }

// Ends are the different ends that were told as such: not in answer to a question of the framework, and other than
// TASK_LOST, which to an old framework also means that it is unknown where the task is. An agent that is gone takes with it
// what had ended there and was not acknowledged: as with the reference, that is told to be gone once more.
func (t *Task) Ends() []mesospb.TaskState {
	var ends []mesospb.TaskState
	for _, s := range t.Statuses {
		final := tasks.IsTerminal(s.GetState()) && s.GetState() != mesospb.TaskState_TASK_LOST
		again := s.GetState() == mesospb.TaskState_TASK_GONE_BY_OPERATOR && len(ends) > 0
		if final && !again && s.GetReason() != mesospb.TaskStatus_REASON_RECONCILIATION && !slices.Contains(ends, s.GetState()) {
			ends = append(ends, s.GetState())
		}
	}
	return ends
}
