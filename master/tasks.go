package master

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// killTask is KILL of old schedulers.
func (m *Master) killTask(from runtime.PID, msg *internalpb.KillTaskMessage) {
	if f := m.sender(from, msg.GetFrameworkId(), "kill task"); f != nil {
		m.kill(f, &schedulerpb.Call_Kill{TaskId: msg.TaskId})
	}
}

// kill passes a kill on to the agent, now or when it comes back. Of a task that is not known, the scheduler hears what
// a reconciliation would tell it.
//
// Mesos: Master::kill.
func (m *Master) kill(f *book.Framework, call *schedulerpb.Call_Kill) {
	t := f.Task(ids.TaskOf(call.GetTaskId()))
	if t == nil {
		m.counts.Called(schedulerpb.Call_RECONCILE)
		m.reconcile(f, []*schedulerpb.Call_Reconcile_Task{{TaskId: call.TaskId, SlaveId: call.SlaveId}})
		return
	}
	if call.SlaveId != nil && ids.AgentOf(call.SlaveId) != t.Agent {
		m.Log().Warn().Stringer("task_id", t.ID).Stringer("framework_id", f.ID).Str("agent_id", call.GetSlaveId().GetValue()).
			Msg("kill of a task on another agent ignored")
		return
	}
	t.Killed = true
	a := m.book.Agent(t.Agent)
	if !a.Connected {
		m.Log().Warn().Stringer("task_id", t.ID).Stringer("agent_id", a.ID).Msg("kill waits for its agent to come back")
		return
	}
	m.Log().Info().Stringer("task_id", t.ID).Stringer("framework_id", f.ID).Stringer("agent_id", a.ID).Msg("task is killed")
	m.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: f.Info.Id, TaskId: call.TaskId, KillPolicy: call.KillPolicy})
}

// shutdownExecutor passes a wish to end an executor on to its agent.
//
// Mesos: Master::shutdown.
func (m *Master) shutdownExecutor(f *book.Framework, call *schedulerpb.Call_Shutdown) {
	a := m.book.Agent(ids.AgentOf(call.GetSlaveId()))
	if a == nil {
		m.Log().Warn().Stringer("framework_id", f.ID).Str("agent_id", call.GetSlaveId().GetValue()).Msg("shutdown of an executor on an unknown agent ignored")
		return
	}
	m.Send(a.PID, &internalpb.ShutdownExecutorMessage{ExecutorId: call.ExecutorId, FrameworkId: f.Info.Id})
}

// ---- messages between scheduler and executor ----

// schedulerMessage is MESSAGE of old schedulers.
func (m *Master) schedulerMessage(from runtime.PID, msg *internalpb.FrameworkToExecutorMessage) {
	f := m.sender(from, msg.GetFrameworkId(), "framework message")
	if f == nil {
		m.counts.ToExecutors.Invalid++
		return
	}
	m.message(f, msg)
}

// message passes data on to an executor.
//
// Mesos: Master::message.
func (m *Master) message(f *book.Framework, msg *internalpb.FrameworkToExecutorMessage) {
	a := m.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil || !a.Connected {
		m.Log().Warn().Stringer("framework_id", f.ID).Str("agent_id", msg.GetSlaveId().GetValue()).
			Msg("message for an executor on an agent that is unknown or disconnected dropped")
		m.counts.ToExecutors.Invalid++
		return
	}
	m.counts.ToExecutors.Valid++
	m.Send(a.PID, msg)
}

// executorMessage passes data on to a scheduler.
//
// Mesos: Master::executorMessage.
func (m *Master) executorMessage(from runtime.PID, msg *internalpb.ExecutorToFrameworkMessage) {
	a := m.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	f := m.book.Framework(ids.FrameworkOf(msg.GetFrameworkId()))
	if a == nil || f == nil || !f.Connected() {
		m.Log().Warn().Stringer("from", from).Str("framework_id", msg.GetFrameworkId().GetValue()).
			Msg("message of an executor whose agent or framework is not there dropped")
		m.counts.ToFrameworks.Invalid++
		return
	}
	m.counts.ToFrameworks.Valid++
	m.cluster.Tell(f, msg)
}

// ---- reconciliation ----

// reconcileTasks is RECONCILE of old schedulers.
func (m *Master) reconcileTasks(from runtime.PID, msg *internalpb.ReconcileTasksMessage) {
	f := m.sender(from, msg.GetFrameworkId(), "reconcile tasks")
	if f == nil {
		return
	}
	tasks := make([]*schedulerpb.Call_Reconcile_Task, len(msg.GetStatuses()))
	for i, s := range msg.GetStatuses() {
		tasks[i] = &schedulerpb.Call_Reconcile_Task{TaskId: s.TaskId, SlaveId: s.SlaveId}
	}
	m.reconcile(f, tasks)
}

// reconcile tells a scheduler the state of the tasks that it names, or of all if it names none.
//
// Mesos: Master::reconcile.
func (m *Master) reconcile(f *book.Framework, asked []*schedulerpb.Call_Reconcile_Task) {
	if len(asked) == 0 {
		for _, t := range f.Tasks() {
			m.answer(f, m.latest(t))
		}
		return
	}
	for _, ask := range asked {
		if t := f.Task(ids.TaskOf(ask.GetTaskId())); t != nil {
			m.answer(f, m.latest(t))
		} else if u := m.absentTask(f, ask); u != nil {
			m.answer(f, u)
		}
	}
}

func (m *Master) answer(f *book.Framework, u *internalpb.StatusUpdate) {
	m.cluster.Tell(f, &internalpb.StatusUpdateMessage{Update: u})
}

func (m *Master) latest(t *book.Task) *internalpb.StatusUpdate {
	u := m.cluster.TaskUpdate(t, t.Told(), "Reconciliation: Latest task state", mesospb.TaskStatus_REASON_RECONCILIATION)
	cluster.RepeatLast(u.Status, t)
	return u
}

// absentTask says what is known of a task that is not in the book, by what is known of its agent; nil if the agent may
// yet come back after a failover and tell.
func (m *Master) absentTask(f *book.Framework, ask *schedulerpb.Call_Reconcile_Task) *internalpb.StatusUpdate {
	agent := ids.AgentOf(ask.GetSlaveId())
	since, unreachable := m.book.Unreachable(agent)
	_, gone := m.book.Gone(agent)
	state, message := mesospb.TaskState_TASK_UNKNOWN, "Reconciliation: Task is unknown"
	switch {
	case m.book.Recovered(agent) != nil, agent == "" && m.book.NumRecovered() > 0:
		return nil
	case m.book.Agent(agent) != nil:
		state, message = mesospb.TaskState_TASK_GONE, "Reconciliation: Task is unknown to the agent"
	case unreachable:
		state, message = mesospb.TaskState_TASK_UNREACHABLE, "Reconciliation: Task is unreachable"
	case gone:
		state, message = mesospb.TaskState_TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"
	}
	u := m.cluster.Update(f.ID, ask.TaskId, ask.SlaveId, tasks.LostOr(state, f.Capabilities), message, mesospb.TaskStatus_REASON_RECONCILIATION)
	if unreachable {
		u.Status.UnreachableTime = since
	}
	return u
}
