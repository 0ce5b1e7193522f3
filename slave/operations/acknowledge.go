package operations

import (
	"meseta/actors/operationupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/slave/checkpoint"
)

// Acknowledged handles the acknowledgement of an operation's status.
//
// Mesos: Slave::operationStatusAcknowledgement.
func (o *Operations) Acknowledged(from runtime.PID, m *internalpb.AcknowledgeOperationStatusMessage) {
	if !o.agent.FromMaster(from, "acknowledge operation status") {
		return
	}
	operation, err := ids.UUIDOf(m.GetOperationUuid().GetValue())
	status, err2 := ids.UUIDOf(m.GetStatusUuid().GetValue())
	if err != nil || err2 != nil || !o.all.Has(operation) {
		o.Log().Warn().Str("operation_uuid", name(m.GetOperationUuid())).Str("status_uuid", name(m.GetStatusUuid())).
			Msg("acknowledgement ignored: the operation was not found")
		return
	}
	taken := runtime.Ask(o.manager, (*operationupdate.Manager).Acknowledge, operationupdate.Ack{Operation: operation, Status: status})
	runtime.Await(o, taken, func(r operationupdate.Outcome, err error) {
		switch {
		case err != nil:
			o.Log().Error().Err(err).Stringer("operation_uuid", operation).Msg("status of an operation not acknowledged")
		case r.Terminated:
			o.remove(operation)
		}
	})
}

// remove forgets an operation and deletes its directory.
//
// Mesos: Slave::removeOperation.
//
// Differs: Mesos leaves an operation that was recovered in the checkpoint until another one changes that.
func (o *Operations) remove(id ids.UUID) {
	if !o.all.Delete(id) {
		return
	}
	var records checkpoint.Records
	o.record(&records)
	records.Remove(o.directory().Operation(id))
	o.write(&records, func() {})
	o.over()
}
