package validate

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/masterpb"
)

// OperatorCall returns an error if a call of the operator API lacks the field for its type.
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
	grow, shrink := call.GrowVolume, call.ShrinkVolume
	if grow != nil && grow.SlaveId == nil || shrink != nil && shrink.SlaveId == nil {
		return errors.New("Expecting 'agent_id' to be present; only agent default resources are supported right now")
	}
	return nil
}
