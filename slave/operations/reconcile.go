package operations

import (
	"bytes"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// Reconcile answers for operations. A framework asks for the states of operations that the master does not know, the
// master for those that the agent has not reported, which have been lost on the way unless they are here.
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
		known := o.find(m.GetFrameworkId(), asked)
		switch {
		case known == nil:
			o.answer(m.GetFrameworkId(), asked.GetOperationUuid(), &mesospb.OperationStatus{
				State: state.Enum(), OperationId: asked.GetOperationId(), ResourceProviderId: asked.GetResourceProviderId(),
			})
		case m.FrameworkId != nil:
			o.answer(m.GetFrameworkId(), known.GetUuid(), shallow.Copy(known.GetLatestStatus()))
		}
	}
}

// find returns the operation that is asked for, or nil. A framework may know only the ID that it has given.
func (o *Operations) find(framework *mesospb.FrameworkID, asked *internalpb.ReconcileOperationsMessage_Operation) *mesospb.Operation {
	for op := range o.All() {
		switch {
		case asked.OperationUuid != nil:
			if bytes.Equal(op.GetUuid().GetValue(), asked.GetOperationUuid().GetValue()) {
				return op
			}
		case framework != nil && asked.OperationId != nil && op.FrameworkId != nil && op.GetInfo().Id != nil:
			if op.GetFrameworkId().GetValue() == framework.GetValue() && op.GetInfo().GetId().GetValue() == asked.GetOperationId().GetValue() {
				return op
			}
		}
	}
	return nil
}

// answer sends a status that needs no acknowledgement.
func (o *Operations) answer(framework *mesospb.FrameworkID, operation *mesospb.UUID, status *mesospb.OperationStatus) {
	id := o.agent.Info().GetId()
	status.SlaveId, status.Uuid = id, nil
	o.agent.SendMaster(&internalpb.UpdateOperationStatusMessage{
		FrameworkId: framework, SlaveId: id, OperationUuid: operation, Status: status,
	})
}
