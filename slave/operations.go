package slave

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/wire"
)

// Operations on resources (reservations and volumes made at run time) are not carried out yet. Masters that follow the
// agent's capabilities send few; each is answered, so that nobody waits.

type operations struct{ *Slave }

// applyOperation refuses.
//
// Mesos: Slave::applyOperation.
func (s *operations) applyOperation(from runtime.PID, m *internalpb.ApplyOperationMessage) {
	if !s.fromMaster(from, "apply operation") {
		return
	}
	s.Log().Warn().Stringer("type", m.GetOperationInfo().GetType()).Msg("operation refused: not supported yet")
	s.answerOperation(&internalpb.UpdateOperationStatusMessage{
		FrameworkId: m.GetFrameworkId(), OperationUuid: m.GetOperationUuid(),
		Status: &mesospb.OperationStatus{
			State: mesospb.OperationState_OPERATION_ERROR.Enum(), OperationId: m.GetOperationInfo().GetId(),
			Message: proto.String("Operations on resources are not supported by this agent yet"),
		},
	})
}

// reconcileOperations answers for operations, of which there are none: one that a framework asks for is unknown, one that
// the master asks for never came here.
//
// Mesos: Slave::reconcileOperations.
func (s *operations) reconcileOperations(from runtime.PID, m *internalpb.ReconcileOperationsMessage) {
	if !s.fromMaster(from, "reconcile operations") {
		return
	}
	state := mesospb.OperationState_OPERATION_DROPPED
	if m.FrameworkId != nil {
		state = mesospb.OperationState_OPERATION_UNKNOWN
	}
	for _, o := range m.GetOperations() {
		s.answerOperation(&internalpb.UpdateOperationStatusMessage{
			FrameworkId: m.GetFrameworkId(), OperationUuid: o.GetOperationUuid(),
			Status: &mesospb.OperationStatus{
				State: state.Enum(), OperationId: o.GetOperationId(), ResourceProviderId: o.GetResourceProviderId(),
			},
		})
	}
}

func (s *operations) answerOperation(m *internalpb.UpdateOperationStatusMessage) {
	m.SlaveId, m.Status.SlaveId = s.info.GetId(), s.info.GetId()
	s.Send(s.master, m)
}

// operationAcknowledged hears that an answer has arrived; answers are not repeated.
//
// Mesos: Slave::operationStatusAcknowledgement.
func (s *operations) operationAcknowledged(runtime.PID, *internalpb.AcknowledgeOperationStatusMessage) {
}

// checkpointResources is how masters without operations tell an agent of reservations and volumes.
//
// Mesos: Slave::checkpointResourcesMessage.
func (s *operations) checkpointResources(from runtime.PID, m *internalpb.CheckpointResourcesMessage) {
	if s.fromMaster(from, "checkpoint resources") && len(m.GetResources()) > 0 {
		s.Log().Warn().Str("resources", wire.Describe(m.GetResources())).Msg("reservations and volumes ignored: not supported yet")
	}
}
