package tasks

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// AcknowledgeOperation is about an operation of which this master sent no status.
//
// Mesos: Master::acknowledgeOperationStatus.
func (all *Tasks) AcknowledgeOperation(f *book.Framework, ack *schedulerpb.Call_AcknowledgeOperationStatus) {
	all.Log().Warn().Stringer("framework_id", f.ID).Str("operation_id", ack.GetOperationId().GetValue()).
		Str("agent_id", ack.GetSlaveId().GetValue()).Msg("acknowledgement of an unknown operation ignored")
	all.counts.OperationAcknowledgements.Invalid++
}

// UpdateOperationStatus hears what an agent knows of an operation that a framework asked it for. This master has none of
// its own.
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

// ReconcileOperations says what is known of operations: that they are not, or where they may be.
//
// Mesos: Master::reconcileOperations.
func (all *Tasks) ReconcileOperations(f *book.Framework, asked []*schedulerpb.Call_ReconcileOperations_Operation) {
	forwarded := &forwardedReconciliations{framework: f}
	for _, ask := range asked {
		if a := all.book.Agent(ids.AgentOf(ask.GetSlaveId())); a != nil && ask.ResourceProviderId != nil && a.Capabilities.OperationFeedback {
			forwarded.add(a, ask) // the agent knows its providers
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

// absentOperation says what is known of an operation by what is known of its agent.
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

// forwardedReconciliations are the questions that agents answer, each agent's together.
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
