package agents

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// reconcileOperations compares the operations on a in the book with those that a reports. New ones are added: they were sent by an
// earlier master. a is asked about those that it does not report. If a never got them, it answers that they are dropped.
//
// Mesos: Master::updateSlave.
//
// Differs: Mesos does this only if something changed, and aborts if a resource provider reports a pending operation that it
// does not know. If the acknowledgement of a terminal operation crosses the report, Mesos keeps the operation until the
// agent re-registers; here a is asked about it, too.
func (r *Registrations) reconcileOperations(a *book.Agent, msg *internalpb.UpdateSlaveMessage) {
	confirmed := map[ids.UUID]bool{}
	note := func(all []*mesospb.Operation) {
		for _, described := range all {
			id, _ := ids.UUIDOf(described.GetUuid().GetValue())
			if known := a.Operation(id); known != nil {
				confirmed[id] = true
				r.catchUp(known, described)
			} else {
				confirmed[id] = !operations.IsTerminal(described.GetLatestStatus().GetState())
				r.cluster.AddOperation(a, described)
			}
		}
	}
	note(msg.GetOperations().GetOperations())
	for _, p := range msg.GetResourceProviders().GetProviders() {
		note(p.GetOperations().GetOperations())
	}
	ask := &internalpb.ReconcileOperationsMessage{}
	for _, o := range a.Operations() {
		if !confirmed[o.UUID] {
			ask.Operations = append(ask.Operations, &internalpb.ReconcileOperationsMessage_Operation{
				OperationUuid: o.Described().GetUuid(), ResourceProviderId: o.Provider(),
			})
		}
	}
	if len(ask.Operations) > 0 {
		r.Log().Warn().Stringer("agent_id", a.ID).Int("operations", len(ask.Operations)).Msg("the agent may not have some operations, asking for them")
		r.Send(a.PID, ask)
	}
}

// catchUp takes over the latest status of an operation of a resource provider that became terminal. The resources that the provider reports
// with it include the outcome.
func (r *Registrations) catchUp(known *book.Operation, described *mesospb.Operation) {
	latest := described.GetLatestStatus()
	if known.Provider() != nil && !operations.IsTerminal(known.State()) && operations.IsTerminal(latest.GetState()) {
		r.cluster.UpdateOperation(known, &internalpb.UpdateOperationStatusMessage{Status: latest, LatestStatus: latest})
	}
}

// dropUnacknowledgeable removes terminal operations whose acknowledgement a no longer understands, because it was replaced by an
// older version.
func (r *Registrations) dropUnacknowledgeable(a *book.Agent) {
	if a.Capabilities.OperationFeedback {
		return
	}
	for _, o := range a.Operations() {
		if o.Provider() == nil && o.ID() != nil && operations.IsTerminal(o.State()) {
			r.cluster.RemoveOperation(o)
		}
	}
}
