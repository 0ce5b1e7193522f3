package operations

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/shallow"
)

// Reconcile tells a scheduler the latest status of the operations that it asks for, and of all its operations if it asks for none. If
// an operation is unknown, its state follows from that of its agent.
//
// Mesos: Master::reconcileOperations.
func (all *Operations) Reconcile(f *book.Framework, asked []*schedulerpb.Call_ReconcileOperations_Operation) {
	if len(asked) == 0 {
		for _, o := range f.Operations() {
			all.repeat(f, o)
		}
	}
	forwarded := &forwardedReconciliations{framework: f}
	for _, ask := range asked {
		if o := f.OperationByID(ask.GetOperationId()); o != nil {
			all.repeat(f, o)
			continue
		}
		if a := all.book.Agent(ids.AgentOf(ask.GetSlaveId())); a != nil && a.Capabilities.OperationFeedback &&
			ask.ResourceProviderId != nil && !a.HasProvider(ask.GetResourceProviderId()) {
			forwarded.add(a, ask) // the agent knows whether it ever had the resource provider
			continue
		}
		state, message := all.absentOperation(ask)
		all.cluster.TellOperation(f, &mesospb.OperationStatus{
			State: state.Enum(), OperationId: ask.OperationId, Message: &message, SlaveId: ask.SlaveId,
			ResourceProviderId: ask.ResourceProviderId,
		})
	}
	for i, a := range forwarded.agents {
		all.Send(a.PID, forwarded.messages[i])
	}
}

// repeat sends f the latest status of its operation o. The status has no UUID, because nobody waits for its acknowledgement.
func (all *Operations) repeat(f *book.Framework, o *book.Operation) {
	status := shallow.Copy(operations.LastStatus(o.Described()))
	status.Uuid = nil
	all.cluster.TellOperation(f, status)
}

// absentOperation returns the state of an operation that follows from the state of its agent.
func (all *Operations) absentOperation(ask *schedulerpb.Call_ReconcileOperations_Operation) (mesospb.OperationState, string) {
	agent := ids.AgentOf(ask.GetSlaveId())
	_, unreachable := all.book.Unreachable(agent)
	_, gone := all.book.Gone(agent)
	switch {
	case ask.SlaveId == nil:
		return mesospb.OperationState_OPERATION_UNKNOWN, "Reconciliation: Operation is unknown and no 'agent_id' was provided"
	case all.book.Recovered(agent) != nil:
		return mesospb.OperationState_OPERATION_RECOVERING, "Reconciliation: Agent is recovered but has not re-registered"
	case all.book.Agent(agent) != nil:
		return mesospb.OperationState_OPERATION_UNKNOWN, "Reconciliation: Operation is unknown"
	case unreachable:
		return mesospb.OperationState_OPERATION_UNREACHABLE, "Reconciliation: Agent is unreachable"
	case gone:
		return mesospb.OperationState_OPERATION_GONE_BY_OPERATOR, "Reconciliation: Agent marked gone by operator"
	}
	return mesospb.OperationState_OPERATION_UNKNOWN, "Reconciliation: Both operation and agent are unknown"
}

// forwardedReconciliations groups by agent the reconciliations that agents answer.
type forwardedReconciliations struct {
	framework *book.Framework
	agents    []*book.Agent
	messages  []*internalpb.ReconcileOperationsMessage
}

func (r *forwardedReconciliations) add(a *book.Agent, ask *schedulerpb.Call_ReconcileOperations_Operation) {
	i := 0
	for i < len(r.agents) && r.agents[i] != a {
		i++
	}
	if i == len(r.agents) {
		r.agents = append(r.agents, a)
		r.messages = append(r.messages, &internalpb.ReconcileOperationsMessage{FrameworkId: r.framework.Info.Id})
	}
	r.messages[i].Operations = append(r.messages[i].Operations, &internalpb.ReconcileOperationsMessage_Operation{
		OperationId: ask.OperationId, ResourceProviderId: ask.ResourceProviderId,
	})
}
