package validate

import (
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/masterpb"
	"meseta/messages/resources"
)

// OperatorCall returns an error if a call of the operator API lacks the field for its type, or a reservation is of invalid resources.
//
// Mesos: master::validation::master::call::validate.
func OperatorCall(call *masterpb.Call) error {
	if call.Type == nil {
		return errors.New("Expecting 'type' to be present")
	}
	part := strings.ToLower(call.GetType().String())
	message := call.ProtoReflect()
	if field := message.Descriptor().Fields().ByName(protoreflect.Name(part)); field != nil && !message.Has(field) {
		return errExpecting(part)
	}
	// Volumes, and the sources of reservations, are validated later, as in Mesos.
	if err := resources.ValidateAll(slices.Concat(call.GetReserveResources().GetResources(), call.GetUnreserveResources().GetResources())); err != nil {
		return err
	}
	grow, shrink := call.GrowVolume, call.ShrinkVolume
	if grow != nil && grow.SlaveId == nil || shrink != nil && shrink.SlaveId == nil {
		return errors.New("Expecting 'agent_id' to be present; only agent default resources are supported right now")
	}
	return nil
}
