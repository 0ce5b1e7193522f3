// Package operations answers messages about operations on an agent's resources, such as reservations and volumes made
// at run time. They are not implemented: masters that respect the agent's capabilities send few, and each is answered,
// so that nobody waits.
package operations

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/membership"
	"meseta/slave/wire"
)

// Operations holds the agent's conversation about operations. It belongs to the agent's actor and may be used only on
// its turns.
type Operations struct {
	*runtime.Actor                        // the agent's
	agent          *membership.Membership // the agent whose resources the operations concern
}

// New returns the operations of agent, whose actor is actor.
func New(actor *runtime.Actor, agent *membership.Membership) *Operations {
	return &Operations{actor, agent}
}

// Apply refuses an operation.
//
// Mesos: Slave::applyOperation.
func (o *Operations) Apply(from runtime.PID, m *internalpb.ApplyOperationMessage) {
	if !o.agent.FromMaster(from, "apply operation") {
		return
	}
	o.Log().Warn().Stringer("type", m.GetOperationInfo().GetType()).Msg("operation refused: not supported yet")
	o.answer(&internalpb.UpdateOperationStatusMessage{
		FrameworkId: m.GetFrameworkId(), OperationUuid: m.GetOperationUuid(),
		Status: &mesospb.OperationStatus{
			State: mesospb.OperationState_OPERATION_ERROR.Enum(), OperationId: m.GetOperationInfo().GetId(),
			Message: proto.String("Operations on resources are not supported by this agent yet"),
		},
	})
}

// Reconcile answers for operations, of which there are none: those of frameworks are unknown, those of the master never
// arrived.
//
// Mesos: Slave::reconcileOperations.
func (o *Operations) Reconcile(from runtime.PID, m *internalpb.ReconcileOperationsMessage) {
	if !o.agent.FromMaster(from, "reconcile operations") {
		return
	}
	state := mesospb.OperationState_OPERATION_DROPPED
	if m.FrameworkId != nil {
		state = mesospb.OperationState_OPERATION_UNKNOWN
	}
	for _, asked := range m.GetOperations() {
		o.answer(&internalpb.UpdateOperationStatusMessage{
			FrameworkId: m.GetFrameworkId(), OperationUuid: asked.GetOperationUuid(),
			Status: &mesospb.OperationStatus{
				State: state.Enum(), OperationId: asked.GetOperationId(), ResourceProviderId: asked.GetResourceProviderId(),
			},
		})
	}
}

func (o *Operations) answer(m *internalpb.UpdateOperationStatusMessage) {
	id := o.agent.Info().GetId()
	m.SlaveId, m.Status.SlaveId = id, id
	o.agent.SendMaster(m)
}

// Acknowledged ignores acknowledgements, because answers are not resent.
//
// Mesos: Slave::operationStatusAcknowledgement.
func (o *Operations) Acknowledged(runtime.PID, *internalpb.AcknowledgeOperationStatusMessage) {
}

// CheckpointResources handles the message by which older masters make reservations and volumes.
//
// Mesos: Slave::checkpointResourcesMessage.
func (o *Operations) CheckpointResources(from runtime.PID, m *internalpb.CheckpointResourcesMessage) {
	if o.agent.FromMaster(from, "checkpoint resources") && len(m.GetResources()) > 0 {
		o.Log().Warn().Str("resources", wire.Describe(m.GetResources())).Msg("reservations and volumes ignored: not supported yet")
	}
}
