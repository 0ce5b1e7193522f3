package tasks

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/tasks"
)

// Reconcile sends a scheduler the state of the tasks that it names, or of all its tasks if it names none.
//
// Mesos: Master::reconcile.
func (all *Tasks) Reconcile(f *book.Framework, asked []*schedulerpb.Call_Reconcile_Task) {
	if len(asked) == 0 {
		for _, t := range f.Tasks() {
			all.answer(f, all.latest(t))
		}
		return
	}
	for _, ask := range asked {
		if t := f.Task(ids.TaskOf(ask.GetTaskId())); t != nil {
			all.answer(f, all.latest(t))
		} else if u := all.absent(f, ask); u != nil {
			all.answer(f, u)
		}
	}
}

func (all *Tasks) answer(f *book.Framework, u *internalpb.StatusUpdate) {
	all.cluster.Tell(f, &internalpb.StatusUpdateMessage{Update: u})
}

func (all *Tasks) latest(t *book.Task) *internalpb.StatusUpdate {
	u := all.cluster.TaskUpdate(t, t.Told(), "Reconciliation: Latest task state", mesospb.TaskStatus_REASON_RECONCILIATION)
	cluster.RepeatLast(u.Status, t)
	return u
}

// absent returns the update for a task that is not in the book, which follows from the state of its agent. It returns
// nil if the agent may still re-register after a failover.
func (all *Tasks) absent(f *book.Framework, ask *schedulerpb.Call_Reconcile_Task) *internalpb.StatusUpdate {
	agent := ids.AgentOf(ask.GetSlaveId())
	since, unreachable := all.book.Unreachable(agent)
	_, gone := all.book.Gone(agent)
	state, message := mesospb.TaskState_TASK_UNKNOWN, "Reconciliation: Task is unknown"
	switch {
	case all.book.Recovered(agent) != nil, agent == "" && all.book.NumRecovered() > 0:
		return nil
	case all.book.Agent(agent) != nil:
		state, message = mesospb.TaskState_TASK_GONE, "Reconciliation: Task is unknown to the agent"
	case unreachable:
		state, message = mesospb.TaskState_TASK_UNREACHABLE, "Reconciliation: Task is unreachable"
	case gone:
		state, message = mesospb.TaskState_TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"
	}
	u := all.cluster.Update(f.ID, ask.TaskId, ask.SlaveId, tasks.LostOr(state, f.Capabilities), message, mesospb.TaskStatus_REASON_RECONCILIATION)
	if unreachable {
		u.Status.UnreachableTime = since
	}
	return u
}
