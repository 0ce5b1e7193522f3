package validate

import (
	"errors"
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/schedulerpb"
)

// Call returns an error if a scheduler's call is invalid, whoever sent it.
func Call(call *schedulerpb.Call) error {
	if call.Type == nil {
		return errors.New("Expecting 'type' to be present")
	}
	if call.GetType() == schedulerpb.Call_SUBSCRIBE {
		return subscribe(call)
	}
	if call.FrameworkId == nil {
		return errExpecting("framework_id")
	}
	if name, present := callBody(call); !present {
		return errExpecting(name)
	}
	return callContent(call)
}

func errExpecting(field string) error {
	return fmt.Errorf("Expecting '%s' to be present", field)
}

func subscribe(call *schedulerpb.Call) error {
	if call.Subscribe == nil {
		return errExpecting("subscribe")
	}
	if call.GetSubscribe().GetFrameworkInfo().GetId().GetValue() != call.GetFrameworkId().GetValue() {
		return errors.New("'framework_id' differs from 'subscribe.framework_info.id'")
	}
	return nil
}

// callBody returns the name of the field that a call of its type must have, or "", and whether it is set.
func callBody(call *schedulerpb.Call) (name string, present bool) {
	switch call.GetType() {
	case schedulerpb.Call_ACCEPT:
		return "accept", call.Accept != nil
	case schedulerpb.Call_DECLINE:
		return "decline", call.Decline != nil
	case schedulerpb.Call_ACCEPT_INVERSE_OFFERS:
		return "accept_inverse_offers", call.AcceptInverseOffers != nil
	case schedulerpb.Call_DECLINE_INVERSE_OFFERS:
		return "decline_inverse_offers", call.DeclineInverseOffers != nil
	case schedulerpb.Call_KILL:
		return "kill", call.Kill != nil
	case schedulerpb.Call_SHUTDOWN:
		return "shutdown", call.Shutdown != nil
	case schedulerpb.Call_ACKNOWLEDGE:
		return "acknowledge", call.Acknowledge != nil
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS:
		return "acknowledge_operation_status", call.AcknowledgeOperationStatus != nil
	case schedulerpb.Call_RECONCILE:
		return "reconcile", call.Reconcile != nil
	case schedulerpb.Call_RECONCILE_OPERATIONS:
		return "reconcile_operations", call.ReconcileOperations != nil
	case schedulerpb.Call_MESSAGE:
		return "message", call.Message != nil
	case schedulerpb.Call_REQUEST:
		return "request", call.Request != nil
	case schedulerpb.Call_UPDATE_FRAMEWORK:
		return "update_framework", call.UpdateFramework != nil
	}
	return "", true
}

func callContent(call *schedulerpb.Call) error {
	switch call.GetType() {
	case schedulerpb.Call_ACKNOWLEDGE:
		return ids.CheckUUID(call.GetAcknowledge().GetUuid())
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS:
		if call.GetAcknowledgeOperationStatus().SlaveId == nil {
			return errExpecting("agent_id")
		}
		return ids.CheckUUID(call.GetAcknowledgeOperationStatus().GetUuid())
	case schedulerpb.Call_UPDATE_FRAMEWORK:
		if call.GetUpdateFramework().GetFrameworkInfo().GetId().GetValue() != call.GetFrameworkId().GetValue() {
			return errors.New("'framework_id' differs from 'update_framework.framework_info.id'")
		}
	}
	return nil
}
