package operations

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/operationupdate"
	"meseta/messages/ids"
	ops "meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/checkpoint"
)

// Apply carries out an operation.
//
// Mesos: Slave::applyOperation.
//
// Differs: Mesos applies operations that were meant for other resources than the agent has, and ends if it cannot.
func (o *Operations) Apply(from runtime.PID, m *internalpb.ApplyOperationMessage) {
	if !o.agent.FromMaster(from, "apply operation") {
		return
	}
	id, err := ids.UUIDOf(m.GetOperationUuid().GetValue())
	if err != nil || o.agent.ID() == "" {
		o.Log().Error().AnErr("err", err).Msg("operation ignored: it has no UUID, or the agent has no ID yet")
		return
	}
	if o.all.Has(id) {
		o.Log().Warn().Stringer("operation_uuid", id).Msg("operation ignored: it is here already")
		return
	}
	o.Log().Info().Stringer("operation_uuid", id).Stringer("type", m.GetOperationInfo().GetType()).Msg("operation received")
	op := ops.New(m.GetOperationInfo(), id, ids.FrameworkOf(m.GetFrameworkId()), o.agent.Info().GetId())
	if err := o.upToDate(m); err != nil {
		o.refuse(op, mesospb.OperationState_OPERATION_DROPPED, err)
		return
	}
	o.carryOut(op)
}

// upToDate returns an error if the master does not have the resources in mind that the agent has.
//
// Mesos: StorageLocalResourceProviderProcess::applyOperation, which is where the words are from.
func (o *Operations) upToDate(m *internalpb.ApplyOperationMessage) error {
	version, own := m.GetResourceVersionUuid(), o.agent.ResourceVersion()
	if provider := ops.Provider(m.GetOperationInfo()); provider != nil {
		return fmt.Errorf("Unknown resource provider %s", provider.GetValue())
	}
	if bytes.Equal(version.GetUuid().GetValue(), own.GetValue()) {
		return nil
	}
	return fmt.Errorf("Mismatched resource version %s (expected: %s)", name(version.GetUuid()), name(own))
}

// name returns the text of a UUID.
func name(u *mesospb.UUID) string {
	id, err := ids.UUIDOf(u.GetValue())
	if err != nil {
		return fmt.Sprintf("%x", u.GetValue())
	}
	return id.String()
}

// carryOut applies a pending operation to the agent's resources, checkpoints it and them, and reports it.
func (o *Operations) carryOut(op *mesospb.Operation) {
	conversions, err := o.conversions(op.GetInfo())
	if err != nil {
		o.refuse(op, mesospb.OperationState_OPERATION_ERROR, err)
		return
	}
	var records checkpoint.Records
	o.set(op)
	o.record(&records)
	if err := o.agent.Ledger().Apply(conversions...); err != nil { // conversions has tried it
		o.refuse(op, mesospb.OperationState_OPERATION_ERROR, err)
		return
	}
	o.conclude(&records, op, mesospb.OperationState_OPERATION_FINISHED, "")
}

// conversions returns the effect of an operation, unless it cannot be applied to the agent's resources.
func (o *Operations) conversions(info *mesospb.Offer_Operation) ([]resources.Conversion, error) {
	conversions, err := resources.ConversionsOf(info)
	if err != nil {
		return nil, err
	}
	before := *o.agent.Ledger()
	after := before
	if err := after.Apply(conversions...); err != nil {
		o.diverged()
		return nil, err
	}
	var tried checkpoint.Records
	return conversions, tried.Volumes(o.root, before.Total, after.Total)
}

// refuse reports an operation that has no effect.
func (o *Operations) refuse(op *mesospb.Operation, state mesospb.OperationState, why error) {
	o.Log().Warn().Err(why).Str("operation_uuid", name(op.GetUuid())).Stringer("state", state).Msg("operation refused")
	var records checkpoint.Records
	o.conclude(&records, op, state, why.Error())
}

// conclude gives an operation its last status, writes what is to be recorded, and reports the status.
func (o *Operations) conclude(records *checkpoint.Records, op *mesospb.Operation, state mesospb.OperationState, message string) {
	status := &mesospb.OperationStatus{
		OperationId: op.GetInfo().GetId(), State: state.Enum(), SlaveId: o.agent.Info().GetId(),
		Uuid: &mesospb.UUID{Value: ids.NewUUID(o.Rand()).Bytes()},
	}
	if message != "" {
		status.Message = proto.String(message)
	}
	op = ops.Updated(op, &internalpb.UpdateOperationStatusMessage{Status: status})
	o.set(op)
	o.record(records)
	o.write(records, func() {
		o.Log().Info().Str("operation_uuid", name(op.GetUuid())).Stringer("state", state).Msg("operation status recorded")
		o.report(op)
	})
}

// set adds an operation, or replaces it.
func (o *Operations) set(op *mesospb.Operation) { o.all.Set(idOf(op), op) }

// idOf returns the UUID of an operation, which was checked when it came or was read.
func idOf(op *mesospb.Operation) ids.UUID {
	id, _ := ids.UUIDOf(op.GetUuid().GetValue())
	return id
}

// report sends the latest status of an operation until the master acknowledges it.
func (o *Operations) report(op *mesospb.Operation) {
	id := idOf(op)
	d := operationupdate.Delivery{Update: o.update(op), File: o.directory().OperationUpdates(id)}
	taken := runtime.Ask(o.manager, (*operationupdate.Manager).Deliver, d)
	runtime.Await(o, taken, func(_ operationupdate.Outcome, err error) {
		if err != nil {
			o.fatal(fmt.Errorf("Failed to checkpoint the status update of operation %s: %w", id, err))
		}
	})
}
