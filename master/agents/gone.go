package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/events"
	"meseta/master/leadership"
	"meseta/master/refusal"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// MarkGone marks an agent that will never come back.
//
// Mesos: Master::Http::markAgentGone.
func (r *Removals) MarkGone(id ids.Agent) leadership.Done {
	_, gone := r.book.Gone(id)
	switch {
	case gone:
		return runtime.Ready(struct{}{})
	case r.book.In(id, book.MarkingGone):
		return leadership.Failed(refusal.New(refusal.Unavailable, "Agent '%s' is already being transitioned to gone", id))
	case r.book.In(id, book.Removing):
		return leadership.Failed(refusal.New(refusal.Unavailable, "Agent '%s' is being transitioned to removed", id))
	case r.book.In(id, book.MarkingUnreachable):
		return leadership.Failed(refusal.New(refusal.Unavailable, "Agent '%s' is being transitioned to unreachable", id))
	case r.refuseUnknown(id) != nil:
		return leadership.Failed(refusal.New(refusal.NotFound, "Agent '%s' not found", id))
	}
	return r.markGone(id)
}

// markGone writes to the registry that an agent is gone, and removes it from the book.
//
// Mesos: Master::markGone.
func (r *Removals) markGone(id ids.Agent) leadership.Done {
	r.book.Begin(id, book.MarkingGone)
	since := &mesospb.TimeInfo{Nanoseconds: proto.Int64(r.Now().UnixNano())}
	return r.registry.Try("mark an agent gone", registrar.MarkGone{ID: id, Since: since}, func(accepted bool) error {
		r.book.End(id, book.MarkingGone)
		if !accepted { // the registry pruned it meanwhile
			return refusal.New(refusal.NotFound, "Agent '%s' not found", id)
		}
		r.Log().Warn().Stringer("agent_id", id).Msg("agent is gone for good")
		r.loseGone(id)
		r.book.AddGone(id, since)
		return nil
	})
}

// loseGone removes an agent that is gone from the book, whatever its state.
func (r *Removals) loseGone(id ids.Agent) {
	if a := r.book.Agent(id); a != nil {
		r.Send(a.PID, &internalpb.ShutdownMessage{Message: proto.String(goneMessage)})
		r.cluster.LoseOperations(a, mesospb.OperationState_OPERATION_GONE_BY_OPERATOR, goneMessage)
		r.cluster.Allocator.RemoveAgent(id)
		for _, t := range a.Tasks() {
			// As in Mesos, tasks of frameworks that are not partition-aware are listed as unreachable.
			r.cluster.EndTask(t, r.goneUpdate(t), !r.book.Framework(t.Framework).Capabilities.PartitionAware)
		}
		r.forget(a)
	} else {
		r.loseUnreachable(id)
	}
	// Differs: Mesos continues to wait for such an agent if it is recovered but not yet re-registered.
	r.book.DropRecovered(id)
	r.book.SetDeactivation(id, book.Deactivation{})
}

const goneMessage = "Agent has been marked gone"

// goneUpdate returns the final update of a task on an agent that is gone.
func (r *Removals) goneUpdate(t *book.Task) *internalpb.StatusUpdate {
	if r.book.Framework(t.Framework).Capabilities.PartitionAware {
		return r.cluster.TaskUpdate(t, mesospb.TaskState_TASK_GONE_BY_OPERATOR, goneMessage, mesospb.TaskStatus_REASON_SLAVE_REMOVED_BY_OPERATOR)
	}
	return r.cluster.TaskUpdate(t, mesospb.TaskState_TASK_LOST, goneMessage, mesospb.TaskStatus_REASON_SLAVE_REMOVED)
}

// loseUnreachable sends the final updates of the tasks on an unreachable agent, and forgets the agent.
func (r *Removals) loseUnreachable(id ids.Agent) {
	for _, f := range r.book.Frameworks() {
		for _, t := range f.UnreachableTasks() {
			if t.Agent != id {
				continue
			}
			u := r.goneUpdate(t)
			r.cluster.Apply(t, u)
			f.Complete(t)
			if f.Connected() {
				r.cluster.Forward(u, events.NoPID, f)
			}
		}
	}
	r.book.DropUnreachable(id)
}
