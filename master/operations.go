package master

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
	"meseta/messages/schedulerpb"
	"meseta/runtime"
)

// operate checks an operation that changes resources, and answers it.
//
// Differs: RESERVE, CREATE and the like are never applied, as if the framework were not allowed to.
func (x *acceptance) operate(op *mesospb.Offer_Operation) {
	f, a := x.framework, x.agent
	if err := validate.OperationResources(op); err != nil {
		x.dropOperation(f, op, "Operation attempted with invalid resources: "+err.Error())
		return
	}
	if op.Id != nil && !x.canHear(op) {
		return
	}
	if err := validate.Operation(op, f, a, x.role); err != nil {
		x.dropOperation(f, op, fmt.Sprintf("%v; on agent %s at %s (%s)", err, a.ID, a.PID, a.Info.GetHostname()))
		return
	}
	if err := x.convertible(op); err != nil {
		x.dropOperation(f, op, err.Error())
		return
	}
	x.dropOperation(f, op, fmt.Sprintf("%s is not supported", op.GetType()))
}

// canHear checks that the framework can be told what becomes of an operation with an id.
func (x *acceptance) canHear(op *mesospb.Offer_Operation) bool {
	f, c := x.framework, x.agent.Capabilities
	switch {
	case !f.IsHTTP():
		const message = "The 'id' field was set in an offer operation, but operation feedback is not supported for the SchedulerDriver API"
		x.dropOperation(f, op, message)
		x.send(f, &internalpb.FrameworkErrorMessage{
			Message: proto.String(message + "; please use the HTTP scheduler API for this feature"),
		})
		return false
	case !c.ResourceProvider:
		x.dropOperation(f, op, fmt.Sprintf("Operation requested feedback, but agent %s does not have the required RESOURCE_PROVIDER capability", x.agent.ID))
		return false
	case !c.OperationFeedback:
		x.dropOperation(f, op, fmt.Sprintf("Operation on agent default resources requested feedback, but agent %s does not have"+
			" the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities", x.agent.ID))
		return false
	}
	return true
}

// convertible says why what was offered is not enough for an operation.
func (x *acceptance) convertible(op *mesospb.Offer_Operation) error {
	switch op.GetType() {
	case mesospb.Offer_Operation_CREATE_DISK, mesospb.Offer_Operation_DESTROY_DISK:
		return nil
	}
	conversions, err := resources.ConversionsOf(op)
	if err != nil {
		return err
	}
	_, err = x.remaining.Plus(x.shared).Unallocate().Apply(conversions...)
	return err
}

// dropOperation does not do an operation. Its scheduler hears of it if it wants to and can.
//
// Mesos: Master::drop.
func (m *Master) dropOperation(f *book.Framework, op *mesospb.Offer_Operation, why string) {
	m.Log().Warn().Stringer("framework_id", f.ID).Stringer("operation", op.GetType()).Str("reason", why).Msg("operation dropped")
	if op.Id != nil && f.IsHTTP() {
		m.sendOperationStatus(f, &mesospb.OperationStatus{
			State: mesospb.OperationState_OPERATION_ERROR.Enum(), OperationId: op.Id, Message: &why,
		})
	}
}

func (m *Master) sendOperationStatus(f *book.Framework, s *mesospb.OperationStatus) {
	m.send(f, &schedulerpb.Event{
		Type:                  schedulerpb.Event_UPDATE_OPERATION_STATUS.Enum(),
		UpdateOperationStatus: &schedulerpb.Event_UpdateOperationStatus{Status: s},
	})
}

// acknowledgeOperationStatus is about an operation of which this master sent no status.
//
// Mesos: Master::acknowledgeOperationStatus.
func (m *Master) acknowledgeOperationStatus(f *book.Framework, ack *schedulerpb.Call_AcknowledgeOperationStatus) {
	m.Log().Warn().Stringer("framework_id", f.ID).Str("operation_id", ack.GetOperationId().GetValue()).
		Str("agent_id", ack.GetSlaveId().GetValue()).Msg("acknowledgement of an unknown operation ignored")
}

// updateOperationStatus hears how an operation went. This master applies none.
//
// Mesos: Master::updateOperationStatus.
func (m *Master) updateOperationStatus(from runtime.PID, msg *internalpb.UpdateOperationStatusMessage) {
	m.Log().Warn().Stringer("from", from).Str("agent_id", msg.GetSlaveId().GetValue()).Msg("status of an unknown operation ignored")
}

// reconcileOperations says what is known of operations: that they are not, or where they may be.
//
// Mesos: Master::reconcileOperations.
func (m *Master) reconcileOperations(f *book.Framework, asked []*schedulerpb.Call_ReconcileOperations_Operation) {
	forwarded := &forwardedReconciliations{framework: f}
	for _, ask := range asked {
		if a := m.book.Agent(ids.AgentOf(ask.GetSlaveId())); a != nil && ask.ResourceProviderId != nil && a.Capabilities.OperationFeedback {
			forwarded.add(a, ask) // the agent knows its providers
			continue
		}
		state, message := m.absentOperation(ask)
		m.sendOperationStatus(f, &mesospb.OperationStatus{
			State: state.Enum(), OperationId: ask.OperationId, Message: &message, SlaveId: ask.SlaveId,
			ResourceProviderId: ask.ResourceProviderId,
		})
	}
	for i, a := range forwarded.agents {
		m.Send(a.PID, forwarded.messages[i])
	}
}

// absentOperation says what is known of an operation by what is known of its agent.
func (m *Master) absentOperation(ask *schedulerpb.Call_ReconcileOperations_Operation) (mesospb.OperationState, string) {
	agent := ids.AgentOf(ask.GetSlaveId())
	_, unreachable := m.book.Unreachable(agent)
	_, gone := m.book.Gone(agent)
	switch {
	case ask.SlaveId == nil:
		return mesospb.OperationState_OPERATION_UNKNOWN, "Reconciliation: Operation is unknown and no 'agent_id' was provided"
	case m.book.Recovered(agent) != nil:
		return mesospb.OperationState_OPERATION_RECOVERING, "Reconciliation: Agent is recovered but has not re-registered"
	case m.book.Agent(agent) != nil:
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
