package operations

import (
	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/master/refusal"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Check returns an operator's operation on an agent in the format that agents accept, or an error if it is invalid.
//
// Mesos: Master::Http::_reserve, _unreserve, _createVolumes, _destroyVolumes, growVolume, shrinkVolume.
func (all *Operations) Check(agent ids.Agent, op *mesospb.Offer_Operation, principal *string) (*mesospb.Offer_Operation, error) {
	a := all.book.Agent(agent)
	if a == nil {
		return nil, errNoAgent
	}
	if err := validate.OperationResources(op); err != nil {
		return nil, refusal.New(refusal.Invalid, "%v", err)
	}
	op = validate.UpgradedOperation(op)
	err := validate.Operation(op, validate.Requester{Principal: principal}, a)
	if err == nil {
		return op, nil
	}
	switch op.GetType() {
	case mesospb.Offer_Operation_UNRESERVE, mesospb.Offer_Operation_DESTROY:
		return nil, refusal.New(refusal.Invalid, "Invalid %s operation: %v", op.GetType(), err)
	}
	return nil, refusal.New(refusal.Invalid, "Invalid %s operation on agent %s: %v", op.GetType(), a, err)
}

var errNoAgent = refusal.New(refusal.Invalid, "No agent found with specified ID")

// Apply carries out an operator's operation, which must be valid, with resources that nobody uses. Offers of them are rescinded. The
// future is ready when the operation is on its way to the agent.
//
// Mesos: Master::Http::_operation.
func (all *Operations) Apply(agent ids.Agent, op *mesospb.Offer_Operation) leadership.Done {
	a := all.book.Agent(agent)
	if a == nil {
		return leadership.Failed(errNoAgent)
	}
	consumed, err := operations.Consumed(op)
	conversions, _ := resources.ConversionsOf(op)
	if err != nil {
		return leadership.Failed(refusal.New(refusal.Invalid, "Invalid %s operation: %v", op.GetType(), err))
	}
	all.rescind(a, consumed, conversions)
	return all.cluster.Allocator.Convert(agent, conversions, func(refused error, overtaken bool) error {
		if refused != nil {
			return refusal.New(refusal.Conflict, "%v", refused)
		}
		return all.converted(agent, op, conversions, overtaken)
	})
}

// rescind rescinds offers of a until they make up for the conversions, passing over those that contribute nothing. What the
// allocator considers available may be offered by the time that it hears of the operation.
func (all *Operations) rescind(a *book.Agent, needed resources.Resources, conversions []resources.Conversion) {
	var freed resources.Resources
	for _, o := range a.Offers() {
		offered := o.Resources.Unallocate()
		if needed.Equal(needed.Minus(offered)) {
			continue
		}
		freed, needed = freed.Plus(offered), needed.Minus(offered)
		all.cluster.Offers.Withhold(o, &mesospb.Filters{})
		if _, err := freed.Apply(conversions...); err == nil {
			return
		}
	}
}

// converted sends an operation to its agent, now that the allocator has applied it.
func (all *Operations) converted(agent ids.Agent, op *mesospb.Offer_Operation, conversions []resources.Conversion, overtaken bool) error {
	a := all.book.Agent(agent)
	if a == nil {
		return refusal.New(refusal.Conflict, "Agent removed while processing the call")
	}
	err := isUnused(a, op)
	if err == nil {
		err = all.cluster.ApplyOperation(a, nil, op, conversions)
	}
	if err != nil || overtaken {
		all.cluster.Allocator.UpdateAgent(a)
	}
	if err != nil { // it re-registered meanwhile, with less
		return refusal.New(refusal.Conflict, "%v", err)
	}
	return nil
}

// isUnused returns an error if tasks use by now what an operation destroys: a shared volume is offered to several frameworks, of which one
// may have launched a task since the operation was checked.
func isUnused(a *book.Agent, op *mesospb.Offer_Operation) error {
	if op.GetType() != mesospb.Offer_Operation_DESTROY {
		return nil
	}
	return validate.Operation(op, validate.Requester{}, a)
}
