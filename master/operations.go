package master

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// prepareOperation checks an operation that changes resources as far as it can be without looking at what was offered.
func (x *acceptance) prepareOperation(p *prepared) bool {
	if err := validate.OperationResources(p.Offer_Operation); err != nil {
		x.dropOperation(x.framework, p.Offer_Operation, "Operation attempted with invalid resources: "+err.Error())
		return false
	}
	if p.Id != nil && !x.canHear(p.Offer_Operation) {
		return false
	}
	p.Offer_Operation = validate.AllocatedOperation(p.Offer_Operation, x.role)
	return true
}

// canHear checks that the framework can be told what becomes of an operation with an id.
func (x *acceptance) canHear(op *mesospb.Offer_Operation) bool {
	f, c := x.framework, x.agent.Capabilities
	switch {
	case !f.IsHTTP():
		const message = "The 'id' field was set in an offer operation, but operation feedback is not supported for the SchedulerDriver API"
		x.Log().Warn().Stringer("framework_id", f.ID).Stringer("operation", op.GetType()).Str("reason", message).Msg("operation dropped")
		x.cluster.Tell(f, &internalpb.FrameworkErrorMessage{
			Message: proto.String(message + "; please use the HTTP scheduler API for this feature"),
		})
	case !c.ResourceProvider:
		x.dropOperation(f, op, fmt.Sprintf("Operation requested feedback, but agent %s does not have the required RESOURCE_PROVIDER capability", x.agent.ID))
	case !c.OperationFeedback && !validate.IsProvided(op):
		x.dropOperation(f, op, fmt.Sprintf("Operation on agent default resources requested feedback, but agent %s does not have"+
			" the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities", x.agent.ID))
	default:
		return true
	}
	return false
}

// operate says why an operation that changes resources is not done.
//
// Differs: RESERVE, CREATE and the like are never applied, as if the framework were not allowed to.
func (x *acceptance) operate(op *mesospb.Offer_Operation) {
	err := x.impossible(op)
	if err == nil {
		err = fmt.Errorf("%s is not supported", op.GetType())
	}
	x.dropOperation(x.framework, op, err.Error())
}

// impossible says why an operation cannot be done with what was offered, or nil.
func (x *acceptance) impossible(op *mesospb.Offer_Operation) error {
	a, onDisk := x.agent, isOnDisk(op)
	name := fmt.Sprintf("%s at %s (%s)", a.ID, a.PID, a.Info.GetHostname())
	if onDisk && !a.Capabilities.ResourceProvider {
		return fmt.Errorf("Not supported on agent %s because it does not have RESOURCE_PROVIDER capability", name)
	}
	if err := validate.Operation(op, x.framework, a); err != nil {
		return fmt.Errorf("%w; on agent %s", err, name)
	}
	if err := x.mayDo(op); err != nil {
		return err
	}
	left := x.remaining.Plus(x.shared)
	if onDisk {
		source := op.GetCreateDisk().GetSource()
		if source == nil {
			source = op.GetDestroyDisk().GetSource()
		}
		return lacks(left, resources.FromValid([]*mesospb.Resource{source}), op, "Operation")
	}
	conversions, err := resources.ConversionsOf(op)
	if err != nil {
		return err
	}
	switch op.GetType() {
	case mesospb.Offer_Operation_GROW_VOLUME, mesospb.Offer_Operation_SHRINK_VOLUME:
		return lacks(left, conversions[0].Consumed, op, "operation")
	}
	_, err = left.Apply(conversions...)
	return err
}

// isOnDisk reports whether an operation is on a disk of a resource provider.
func isOnDisk(op *mesospb.Offer_Operation) bool {
	return op.GetType() == mesospb.Offer_Operation_CREATE_DISK || op.GetType() == mesospb.Offer_Operation_DESTROY_DISK
}

// lacks says that an operation, as errors call it, takes more than there is.
func lacks(left, taken resources.Resources, op *mesospb.Offer_Operation, what string) error {
	if left.Contains(taken) {
		return nil
	}
	return fmt.Errorf("Invalid %s %s: %s does not contain %s", op.GetType(), what, left, taken)
}

// dropOperation does not do an operation. Its scheduler hears of it if it wants to and can.
//
// Mesos: Master::drop.
func (m *Master) dropOperation(f *book.Framework, op *mesospb.Offer_Operation, why string) {
	m.Log().Warn().Stringer("framework_id", f.ID).Stringer("operation", op.GetType()).Str("reason", why).Msg("operation dropped")
	m.counts.OperationErrors.Add(int32(op.GetType()))
	if op.Id != nil && f.IsHTTP() {
		m.sendOperationStatus(f, &mesospb.OperationStatus{
			State: mesospb.OperationState_OPERATION_ERROR.Enum(), OperationId: op.Id, Message: &why,
		})
	}
}

func (m *Master) sendOperationStatus(f *book.Framework, s *mesospb.OperationStatus) {
	m.cluster.Tell(f, &schedulerpb.Event{
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
	m.counts.OperationAcknowledgements.Invalid++
}

// updateOperationStatus hears what an agent knows of an operation that a framework asked it for. This master has none of
// its own.
//
// Mesos: Master::updateOperationStatus.
func (m *Master) updateOperationStatus(from runtime.PID, msg *internalpb.UpdateOperationStatusMessage) {
	agent := ids.AgentOf(msg.GetSlaveId())
	if msg.OperationUuid != nil {
		m.counts.OperationUpdates.Invalid++
	}
	f := m.book.Framework(ids.FrameworkOf(msg.GetFrameworkId()))
	if f == nil || !f.Connected() || (msg.OperationUuid != nil && m.book.Agent(agent) == nil) {
		m.Log().Warn().Stringer("from", from).Stringer("agent_id", agent).Str("framework_id", msg.GetFrameworkId().GetValue()).
			Msg("status of an operation for which nobody waits ignored")
		return
	}
	m.cluster.Tell(f, msg)
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
