package tasks

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
)

// Kill passes a kill on to the agent, now or when the agent re-registers. For an unknown task, the scheduler gets the
// answer of a reconciliation.
//
// Mesos: Master::kill.
func (all *Tasks) Kill(f *book.Framework, call *schedulerpb.Call_Kill) {
	t := f.Task(ids.TaskOf(call.GetTaskId()))
	if t == nil {
		all.counts.Called(schedulerpb.Call_RECONCILE)
		all.Reconcile(f, []*schedulerpb.Call_Reconcile_Task{{TaskId: call.TaskId, SlaveId: call.SlaveId}})
		return
	}
	if call.SlaveId != nil && ids.AgentOf(call.SlaveId) != t.Agent {
		all.Log().Warn().Stringer("task_id", t.ID).Stringer("framework_id", f.ID).Str("agent_id", call.GetSlaveId().GetValue()).
			Msg("kill of a task on another agent ignored")
		return
	}
	t.Killed = true
	a := all.book.Agent(t.Agent)
	if !a.Connected {
		all.Log().Warn().Stringer("task_id", t.ID).Stringer("agent_id", a.ID).Msg("kill waits for its agent to come back")
		return
	}
	all.Log().Info().Stringer("task_id", t.ID).Stringer("framework_id", f.ID).Stringer("agent_id", a.ID).Msg("task is killed")
	all.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: f.Info.Id, TaskId: call.TaskId, KillPolicy: call.KillPolicy})
}

// ShutdownExecutor passes the shutdown of an executor on to its agent.
//
// Mesos: Master::shutdown.
func (all *Tasks) ShutdownExecutor(f *book.Framework, call *schedulerpb.Call_Shutdown) {
	a := all.book.Agent(ids.AgentOf(call.GetSlaveId()))
	if a == nil {
		all.Log().Warn().Stringer("framework_id", f.ID).Str("agent_id", call.GetSlaveId().GetValue()).Msg("shutdown of an executor on an unknown agent ignored")
		return
	}
	all.Send(a.PID, &internalpb.ShutdownExecutorMessage{ExecutorId: call.ExecutorId, FrameworkId: f.Info.Id})
}
