package accept

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// prepareOperation validates an operation on resources, as far as that is possible without the offered resources.
func (x *acceptance) prepareOperation(p *prepared) bool {
	err := validate.OperationResources(p.Offer_Operation)
	if err == nil && len(p.GetReserve().GetSource()) > 0 {
		err = errors.New("Reservation updates are not yet implemented for the scheduler API.")
	}
	if err != nil {
		x.dropOperation(x.framework, p.Offer_Operation, "Operation attempted with invalid resources: "+err.Error())
		return false
	}
	if p.Id != nil && !x.canHear(p.Offer_Operation) {
		return false
	}
	p.Offer_Operation = validate.AllocatedOperation(p.Offer_Operation, x.role)
	return true
}

// canHear validates that the framework can receive the status of an operation that has an ID.
func (x *acceptance) canHear(op *mesospb.Offer_Operation) bool {
	f, c := x.framework, x.agent.Capabilities
	switch {
	case !f.IsHTTP():
		const message = "The 'id' field was set in an offer operation, but operation feedback is not supported for the SchedulerDriver API"
		x.actor.Log().Warn().Stringer("framework_id", f.ID).Stringer("operation", op.GetType()).Str("reason", message).Msg("operation dropped")
		x.Tell(f, &internalpb.FrameworkErrorMessage{
			Message: proto.String(message + "; please use the HTTP scheduler API for this feature"),
		})
	case !c.ResourceProvider:
		x.dropOperation(f, op, fmt.Sprintf("Operation requested feedback, but agent %s does not have the required RESOURCE_PROVIDER capability", x.agent.ID))
	case !c.OperationFeedback && operations.Provider(op) == nil:
		x.dropOperation(f, op, fmt.Sprintf("Operation on agent default resources requested feedback, but agent %s does not have"+
			" the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities", x.agent.ID))
	default:
		return true
	}
	return false
}

// operate applies an operation on resources, or drops it. Its outcome is counted on before the agent has applied it.
//
// Differs: operations on the disks of resource providers, whose outcome only the provider knows, are not implemented. They are
// dropped, as if the framework were not authorized.
func (x *acceptance) operate(op *mesospb.Offer_Operation) {
	after, conversions, err := x.converted(op)
	if err == nil && isOnDisk(op) {
		err = fmt.Errorf("%s is not supported", op.GetType())
	}
	if err == nil {
		err = x.ApplyOperation(x.agent, x.framework, op, conversions)
	}
	if err != nil {
		x.dropOperation(x.framework, op, err.Error())
		return
	}
	x.ledger = after
}

// converted returns what remains after an operation, or an error if the operation is impossible with what is left of
// the offers.
func (x *acceptance) converted(op *mesospb.Offer_Operation) (after remains, conversions []resources.Conversion, err error) {
	if err := x.forbidden(op); err != nil {
		return after, nil, err
	}
	left := x.ledger.available()
	if isOnDisk(op) {
		source := op.GetCreateDisk().GetSource()
		if source == nil {
			source = op.GetDestroyDisk().GetSource()
		}
		return x.ledger, nil, lacks(left, resources.FromValid([]*mesospb.Resource{source}), op, "Operation")
	}
	if conversions, err = resources.ConversionsOf(op); err != nil {
		return after, nil, err
	}
	switch op.GetType() {
	case mesospb.Offer_Operation_GROW_VOLUME, mesospb.Offer_Operation_SHRINK_VOLUME:
		if err := lacks(left, conversions[0].Consumed, op, "operation"); err != nil {
			return after, nil, err
		}
		return x.ledger.resize(conversions[0]), conversions, nil
	}
	after, err = x.ledger.convert(conversions)
	return after, conversions, err
}

// forbidden returns an error if an operation is invalid on the agent or not authorized, whatever is left of the offers.
func (x *acceptance) forbidden(op *mesospb.Offer_Operation) error {
	a := x.agent
	if isOnDisk(op) && !a.Capabilities.ResourceProvider {
		return fmt.Errorf("Not supported on agent %s because it does not have RESOURCE_PROVIDER capability", a)
	}
	if err := validate.Operation(op, validate.ByFramework(x.framework), a); err != nil {
		return fmt.Errorf("%w; on agent %s", err, a)
	}
	return x.mayDo(op)
}

// isOnDisk reports whether an operation is on a disk of a resource provider.
func isOnDisk(op *mesospb.Offer_Operation) bool {
	return op.GetType() == mesospb.Offer_Operation_CREATE_DISK || op.GetType() == mesospb.Offer_Operation_DESTROY_DISK
}

// lacks returns an error if an operation takes more than is left. what is the name of the operation in the error.
func lacks(left, taken resources.Resources, op *mesospb.Offer_Operation, what string) error {
	if left.Contains(taken) {
		return nil
	}
	return fmt.Errorf("Invalid %s %s: %s does not contain %s", op.GetType(), what, left, taken)
}

// dropOperation drops an operation. It tells the scheduler if the operation has an ID and the scheduler can receive its
// status.
//
// Mesos: Master::drop.
func (m *Acceptor) dropOperation(f *book.Framework, op *mesospb.Offer_Operation, why string) {
	m.actor.Log().Warn().Stringer("framework_id", f.ID).Stringer("operation", op.GetType()).Str("reason", why).Msg("operation dropped")
	m.Counts.Operations.Enter(op.GetType(), mesospb.OperationState_OPERATION_ERROR)
	if op.Id != nil && f.IsHTTP() {
		m.TellOperation(f, &mesospb.OperationStatus{
			State: mesospb.OperationState_OPERATION_ERROR.Enum(), OperationId: op.Id, Message: &why,
		})
	}
}
