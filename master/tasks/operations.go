package tasks

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// AcknowledgeOperation handles the acknowledgement of an operation's status. This master sends no status that needs
// one.
//
// Mesos: Master::acknowledgeOperationStatus.
func (all *Tasks) AcknowledgeOperation(f *book.Framework, ack *schedulerpb.Call_AcknowledgeOperationStatus) {
	all.Log().Warn().Stringer("framework_id", f.ID).Str("operation_id", ack.GetOperationId().GetValue()).
		Str("agent_id", ack.GetSlaveId().GetValue()).Msg("acknowledgement of an unknown operation ignored")
	all.counts.OperationAcknowledgements.Invalid++
}

// UpdateOperationStatus handles an agent's update of an operation. This master has asked for none.
//
// Mesos: Master::updateOperationStatus.
func (all *Tasks) UpdateOperationStatus(from runtime.PID, msg *internalpb.UpdateOperationStatusMessage) {
	agent := ids.AgentOf(msg.GetSlaveId())
	if msg.OperationUuid != nil {
		all.counts.OperationUpdates.Invalid++
	}
	f := all.book.Framework(ids.FrameworkOf(msg.GetFrameworkId()))
	if f == nil || !f.Connected() || (msg.OperationUuid != nil && all.book.Agent(agent) == nil) {
		all.Log().Warn().Stringer("from", from).Stringer("agent_id", agent).Str("framework_id", msg.GetFrameworkId().GetValue()).
			Msg("status of an operation for which nobody waits ignored")
		return
	}
	all.cluster.Tell(f, msg)
}

// ReconcileOperations answers for operations that they are unknown, or what the state of their agent implies.
//
// Mesos: Master::reconcileOperations.
func (all *Tasks) ReconcileOperations(f *book.Framework, asked []*schedulerpb.Call_ReconcileOperations_Operation) {
	forwarded := &forwardedReconciliations{framework: f}
	for _, ask := range asked {
		if a := all.book.Agent(ids.AgentOf(ask.GetSlaveId())); a != nil && ask.ResourceProviderId != nil && a.Capabilities.OperationFeedback {
			forwarded.add(a, ask) // the agent knows its resource providers
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

// absentOperation returns the state of an operation that follows from the state of its agent.
func (all *Tasks) absentOperation(ask *schedulerpb.Call_ReconcileOperations_Operation) (mesospb.OperationState, string) {
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
