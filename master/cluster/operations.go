package cluster

import (
	"fmt"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
)

// ApplyOperation applies the conversions of a valid operation to the resources of a, and sends the operation to a. f is nil for
// an operator's operation. ApplyOperation fails, and does nothing, if a lacks the resources. The caller tells the
// allocator.
//
// Mesos: Master::_apply.
func (c *Cluster) ApplyOperation(a *book.Agent, f *book.Framework, info *mesospb.Offer_Operation, conversions []resources.Conversion) error {
	version, err := versionFor(a, info)
	if err == nil {
		err = a.Ledger.Apply(conversions...)
	}
	if err != nil {
		return err
	}
	c.stopSharing(a, info)
	if a.Capabilities.ResourceProvider {
		c.send(a, f, info, version)
	} else {
		c.actor.Send(a.PID, CheckpointResources(a))
	}
	if f != nil {
		f.Operated(info.GetType())
	}
	c.actor.Log().Info().Str("framework_id", frameworkOf(f)).Stringer("agent_id", a.ID).Stringer("operation", info.GetType()).
		Stringer("checkpointed", a.Checkpointed).Msg("operation applied")
	return nil
}

// stopSharing rescinds the offers of the shared volumes that an operation on a has destroyed. Such volumes are offered to several frameworks.
func (c *Cluster) stopSharing(a *book.Agent, info *mesospb.Offer_Operation) {
	shared := resources.FromValid(info.GetDestroy().GetVolumes()).Shared().Unallocate()
	if shared.IsEmpty() {
		return
	}
	for _, o := range a.Offers() {
		if !shared.Equal(shared.Minus(o.Resources.Unallocate())) {
			c.Offers.Withhold(o, &mesospb.Filters{})
		}
	}
}

// send records an operation and sends it to a, which will report its status.
func (c *Cluster) send(a *book.Agent, f *book.Framework, info *mesospb.Offer_Operation, version *internalpb.ResourceVersionUUID) {
	msg := &internalpb.ApplyOperationMessage{OperationInfo: info, ResourceVersionUuid: version}
	if f != nil {
		msg.FrameworkId = f.Info.Id
	}
	described := operations.New(info, ids.NewUUID(c.actor.Rand()), ids.FrameworkOf(msg.FrameworkId), a.Info.Id)
	msg.OperationUuid = described.Uuid
	c.AddOperation(a, described)
	c.actor.Send(a.PID, msg)
}

// versionFor returns the version of the resources of an operation on a. There is none if a does not know versions.
func versionFor(a *book.Agent, info *mesospb.Offer_Operation) (*internalpb.ResourceVersionUUID, error) {
	if !a.Capabilities.ResourceProvider {
		return nil, nil
	}
	provider := operations.Provider(info)
	version := a.Ledger.Version(provider)
	switch {
	case version != nil:
		return &internalpb.ResourceVersionUUID{ResourceProviderId: provider, Uuid: version}, nil
	case provider != nil:
		return nil, fmt.Errorf("Resource provider %s is unknown", provider.GetValue())
	}
	return nil, fmt.Errorf("Agent %s has not reported the version of its resources", a.ID)
}

func frameworkOf(f *book.Framework) string {
	if f == nil {
		return ""
	}
	return string(f.ID)
}

// AddOperation adds an operation, new or reported by its agent, to the book.
//
// Mesos: Master::addOperation.
func (c *Cluster) AddOperation(a *book.Agent, described *mesospb.Operation) {
	o, err := book.NewOperation(described, a.ID)
	if err != nil {
		c.actor.Log().Warn().Err(err).Stringer("agent_id", a.ID).Msg("operation without a valid UUID ignored")
		return
	}
	c.Counts.Operations.Enter(o.Type(), o.State())
	c.Book.AddOperation(o)
}

// UpdateOperation applies an agent's update of o. Resources do not change, because the operation was expected to succeed.
//
// Mesos: Master::updateOperation.
func (c *Cluster) UpdateOperation(o *book.Operation, update *internalpb.UpdateOperationStatusMessage) {
	before := o.State()
	c.Book.UpdateOperation(o, update)
	c.Counts.Operations.Move(o.Type(), before, o.State())
	c.actor.Log().Info().Stringer("operation_uuid", o.UUID).Str("operation_id", o.ID().GetValue()).Str("framework_id", string(o.Framework)).
		Stringer("agent_id", o.Agent).Stringer("state", update.GetStatus().GetState()).Stringer("latest_state", o.State()).Msg("operation updated")
}

// RemoveOperation removes o from the book.
//
// Mesos: Master::removeOperation.
func (c *Cluster) RemoveOperation(o *book.Operation) {
	if !operations.IsTerminal(o.State()) {
		c.Counts.Operations.Leave(o.Type(), o.State())
	}
	c.Book.RemoveOperation(o)
}

// LoseOperations tells frameworks about their operations on a, which is about to be removed, as far as they want to hear of
// them. Nobody repeats that: a framework that misses it has to ask.
//
// Mesos: Master::sendBulkOperationFeedback.
func (c *Cluster) LoseOperations(a *book.Agent, state mesospb.OperationState, message string) {
	for _, o := range a.Operations() {
		c.Counts.Operations.Enter(o.Type(), state)
		if f := c.Book.Framework(o.Framework); o.ID() != nil && f != nil && f.IsHTTP() {
			c.TellOperation(f, &mesospb.OperationStatus{
				State: state.Enum(), OperationId: o.ID(), Message: &message, SlaveId: a.Info.Id, ResourceProviderId: o.Provider(),
			})
		}
	}
}

// TellOperation sends the scheduler of f, which uses HTTP, the status of an operation.
func (c *Cluster) TellOperation(f *book.Framework, s *mesospb.OperationStatus) {
	c.Tell(f, &schedulerpb.Event{
		Type:                  schedulerpb.Event_UPDATE_OPERATION_STATUS.Enum(),
		UpdateOperationStatus: &schedulerpb.Event_UpdateOperationStatus{Status: s},
	})
}
