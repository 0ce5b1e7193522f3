package tasks

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// ToExecutor passes data on to an executor.
//
// Mesos: Master::message.
func (all *Tasks) ToExecutor(f *book.Framework, msg *internalpb.FrameworkToExecutorMessage) {
	a := all.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil || !a.Connected {
		all.Log().Warn().Stringer("framework_id", f.ID).Str("agent_id", msg.GetSlaveId().GetValue()).
			Msg("message for an executor on an agent that is unknown or disconnected dropped")
		all.counts.ToExecutors.Invalid++
		return
	}
	all.counts.ToExecutors.Valid++
	all.Send(a.PID, msg)
}

// ToFramework passes data on to a scheduler.
//
// Mesos: Master::executorMessage.
func (all *Tasks) ToFramework(from runtime.PID, msg *internalpb.ExecutorToFrameworkMessage) {
	a := all.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	f := all.book.Framework(ids.FrameworkOf(msg.GetFrameworkId()))
	if a == nil || f == nil || !f.Connected() {
		all.Log().Warn().Stringer("from", from).Str("framework_id", msg.GetFrameworkId().GetValue()).
			Msg("message of an executor whose agent or framework is not there dropped")
		all.counts.ToFrameworks.Invalid++
		return
	}
	all.counts.ToFrameworks.Valid++
	all.cluster.Tell(f, msg)
}
