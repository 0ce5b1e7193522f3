package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

// MarkUnreachable marks an agent unreachable: first in the registry, so that no later master expects it to be
// registered, and then towards its frameworks.
//
// Mesos: Master::markUnreachable.
func (r *Removals) MarkUnreachable(info *mesospb.SlaveInfo, duringFailover bool, cause string) {
	id := ids.AgentOf(info.GetId())
	here := r.book.Agent(id) != nil
	if duringFailover {
		here = r.book.Recovered(id) != nil
	}
	if !here || r.book.In(id, book.Reregistering|book.MarkingUnreachable|book.MarkingGone|book.Removing) {
		r.Log().Info().Stringer("agent_id", id).Msg("agent is not marked unreachable: something else happened to it")
		return
	}
	r.book.Begin(id, book.MarkingUnreachable)
	since := &mesospb.TimeInfo{Nanoseconds: proto.Int64(r.Now().UnixNano())}
	r.registry.Write("mark an agent unreachable", registrar.MarkUnreachable{Info: info, Since: since}, func(accepted bool) {
		r.book.End(id, book.MarkingUnreachable)
		if !accepted {
			return // the registry does not have it any more
		}
		r.Log().Warn().Stringer("agent_id", id).Str("hostname", info.GetHostname()).Str("cause", cause).Msg("agent is unreachable")
		r.counts.Removals++
		r.counts.Unhealthy++
		r.book.AddUnreachable(id, since)
		if duringFailover {
			r.counts.LostInRecovery++
			r.book.DropRecovered(id)
			r.cluster.TellLost(info)
			return
		}
		r.lose(r.book.Agent(id), cause, since)
	})
}

// lose removes an agent that is unreachable from the book. Its tasks become unreachable.
//
// Mesos: Master::__removeSlave.
func (r *Removals) lose(a *book.Agent, cause string, since *mesospb.TimeInfo) {
	r.cluster.LoseOperations(a, mesospb.OperationState_OPERATION_UNREACHABLE, "Agent was marked unreachable")
	r.cluster.Allocator.RemoveAgent(a.ID)
	for _, t := range a.Tasks() {
		state := tasks.LostOr(mesospb.TaskState_TASK_UNREACHABLE, r.book.Framework(t.Framework).Capabilities)
		u := r.cluster.TaskUpdate(t, state, cause, mesospb.TaskStatus_REASON_SLAVE_REMOVED)
		u.Status.UnreachableTime = since
		r.cluster.EndTask(t, u, true)
	}
	r.forget(a)
}
