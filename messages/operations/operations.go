// Package operations implements what masters and agents have to know about operations on the resources of an agent,
// such as RESERVE and CREATE: which states are terminal, which resources an operation concerns, how its record is made
// and how the record follows the operation's statuses.
package operations

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/shallow"
)

// IsTerminal reports whether an operation in the given state never changes to another one.
//
// Mesos: protobuf::isTerminalState.
func IsTerminal(state mesospb.OperationState) bool {
	switch state {
	case mesospb.OperationState_OPERATION_FINISHED, mesospb.OperationState_OPERATION_FAILED,
		mesospb.OperationState_OPERATION_ERROR, mesospb.OperationState_OPERATION_DROPPED,
		mesospb.OperationState_OPERATION_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// IsSpeculative reports whether masters and agents count on the success of an operation: its outcome is known in advance, and
// is used before the operation is finished.
//
// Mesos: protobuf::isSpeculativeOperation.
func IsSpeculative(info *mesospb.Offer_Operation) bool {
	switch info.GetType() {
	case mesospb.Offer_Operation_RESERVE, mesospb.Offer_Operation_UNRESERVE, mesospb.Offer_Operation_CREATE,
		mesospb.Offer_Operation_DESTROY, mesospb.Offer_Operation_GROW_VOLUME, mesospb.Offer_Operation_SHRINK_VOLUME:
		return true
	}
	return false
}

// Resources returns the resources in an operation, except those in a launch. They are the messages themselves, not
// copies.
func Resources(info *mesospb.Offer_Operation) []*mesospb.Resource {
	switch info.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		return slices.Concat(info.GetReserve().GetResources(), info.GetReserve().GetSource())
	case mesospb.Offer_Operation_UNRESERVE:
		return info.GetUnreserve().GetResources()
	case mesospb.Offer_Operation_CREATE:
		return info.GetCreate().GetVolumes()
	case mesospb.Offer_Operation_DESTROY:
		return info.GetDestroy().GetVolumes()
	case mesospb.Offer_Operation_GROW_VOLUME:
		return []*mesospb.Resource{info.GetGrowVolume().GetVolume(), info.GetGrowVolume().GetAddition()}
	case mesospb.Offer_Operation_SHRINK_VOLUME:
		return []*mesospb.Resource{info.GetShrinkVolume().GetVolume()}
	case mesospb.Offer_Operation_CREATE_DISK:
		return []*mesospb.Resource{info.GetCreateDisk().GetSource()}
	case mesospb.Offer_Operation_DESTROY_DISK:
		return []*mesospb.Resource{info.GetDestroyDisk().GetSource()}
	}
	return nil
}

// Provider returns the resource provider whose resources an operation concerns, or nil if they are the agent's own.
//
// Mesos: getResourceProviderId.
func Provider(info *mesospb.Offer_Operation) *mesospb.ResourceProviderID {
	for _, r := range Resources(info) {
		if r.GetProviderId() != nil {
			return r.GetProviderId()
		}
	}
	return nil
}

// Consumed returns the resources that an operation replaces by others. The resources in the operation must be valid.
//
// Mesos: protobuf::getConsumedResources.
func Consumed(info *mesospb.Offer_Operation) (resources.Resources, error) {
	switch info.GetType() {
	case mesospb.Offer_Operation_CREATE_DISK, mesospb.Offer_Operation_DESTROY_DISK:
		return resources.FromProto(Resources(info))
	}
	conversions, err := resources.ConversionsOf(info)
	var consumed resources.Resources
	for _, c := range conversions {
		consumed = consumed.Plus(c.Consumed)
	}
	return consumed, err
}

// New returns the record of a pending operation. It shares info. The framework is empty for the operation of an
// operator.
//
// Mesos: protobuf::createOperation.
func New(info *mesospb.Offer_Operation, id ids.UUID, framework ids.Framework, agent *mesospb.SlaveID) *mesospb.Operation {
	op := &mesospb.Operation{
		SlaveId: agent, Info: info, Uuid: &mesospb.UUID{Value: id.Bytes()},
		LatestStatus: &mesospb.OperationStatus{
			State: mesospb.OperationState_OPERATION_PENDING.Enum(), OperationId: info.GetId(), SlaveId: agent, ResourceProviderId: Provider(info),
		},
	}
	if framework != "" {
		op.FrameworkId = framework.Proto()
	}
	return op
}

// Updated returns a copy of the record of an operation that has followed an update. A terminal state is final. Until then
// the latest status is the latest one that the sender of the update knows, which may be later than the status that it reports.
// Repeated statuses are kept once.
//
// Mesos: Master::updateOperation and Slave::updateOperation.
func Updated(op *mesospb.Operation, update *internalpb.UpdateOperationStatusMessage) *mesospb.Operation {
	status := update.GetStatus()
	if update.LatestStatus != nil {
		status = update.LatestStatus
	}
	op = shallow.Copy(op)
	if !IsTerminal(op.GetLatestStatus().GetState()) {
		op.LatestStatus = status
	}
	if n := len(op.Statuses); n == 0 || !proto.Equal(op.Statuses[n-1], status) {
		op.Statuses = append(op.Statuses[:n:n], status)
	}
	return op
}

// LastStatus returns the newest status that was reported of an operation: that of its record if there was none, because it is
// pending.
func LastStatus(op *mesospb.Operation) *mesospb.OperationStatus {
	if n := len(op.GetStatuses()); n > 0 {
		return op.GetStatuses()[n-1]
	}
	return op.GetLatestStatus()
}
