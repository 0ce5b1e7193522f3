package tasks

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// ExitedExecutor removes an executor that ended on its agent.
//
// Mesos: Master::exitedExecutor.
func (all *Tasks) ExitedExecutor(from runtime.PID, msg *internalpb.ExitedExecutorMessage) {
	id := ids.AgentOf(msg.GetSlaveId())
	key := book.ExecutorKey{Framework: ids.FrameworkOf(msg.GetFrameworkId()), Executor: ids.ExecutorOf(msg.GetExecutorId())}
	a := all.book.Agent(id)
	if all.book.IsCompleted(key.Framework) {
		return // it was removed with its framework
	}
	if a == nil || a.Executor(key) == nil {
		all.Log().Warn().Stringer("executor_id", key.Executor).Stringer("agent_id", id).Stringer("from", from).
			Msg("exit of an unknown executor ignored")
		return
	}
	all.Log().Info().Stringer("executor_id", key.Executor).Stringer("framework_id", key.Framework).Stringer("agent_id", id).
		Int32("status", msg.GetStatus()).Msg("executor exited")
	all.cluster.RemoveExecutor(a.Executor(key))
	if f := all.book.Framework(key.Framework); f != nil && f.Connected() {
		all.cluster.Tell(f, msg)
	}
}
