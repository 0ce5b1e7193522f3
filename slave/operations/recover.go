package operations

import (
	"meseta/actors/operationupdate"
	"meseta/messages/ids"
	ops "meseta/messages/operations"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/checkpoint"
)

// Recover continues with the resources and operations that an earlier agent in the work directory has left. It is called
// when the agent has determined what it is, and before it looks for a master. It fails in Mesos's words, and changes
// nothing, if the agent was started with other resources.
//
// Mesos: Slave::recover, Slave::_recoverOperations.
func (o *Operations) Recover(s checkpoint.State) error {
	before := resources.FromValid(s.Resources.Resources)
	after := before
	if s.Resources.Pending {
		after = resources.FromValid(s.Resources.Target)
	}
	if err := o.convert(after); err != nil {
		return err
	}
	o.recorded = recorded{resources: before, operations: s.Resources.Operations, intended: s.Resources.Pending}
	var records checkpoint.Records
	resumed := map[ids.UUID]bool{}
	if o.agent.ID() != "" { // they belong to an agent with that ID
		resumed = o.recoverStreams(&records, s)
	}
	o.continueWith(&records, resumed)
	return nil
}

// recoverStreams recovers the operations and their updates. It returns those whose updates are sent again.
//
// Mesos: Slave::__recoverOperations.
func (o *Operations) recoverStreams(records *checkpoint.Records, s checkpoint.State) (resumed map[ids.UUID]bool) {
	for _, op := range s.Resources.Operations {
		if _, err := ids.UUIDOf(op.GetUuid().GetValue()); err != nil {
			o.Log().Error().Err(err).Msg("checkpointed operation ignored")
			continue
		}
		o.set(op)
	}
	resumed = map[ids.UUID]bool{}
	var obsolete []string
	for _, stream := range s.Operations {
		switch at := o.directory().Operation(stream.ID); {
		case !o.all.Has(stream.ID):
			o.Log().Warn().Stringer("operation_uuid", stream.ID).Msg("deleting the status updates of an unknown operation")
			obsolete = append(obsolete, at)
		case operationupdate.Ended(stream.Updates):
			o.all.Delete(stream.ID)
			obsolete = append(obsolete, at)
		case len(stream.Updates.Updates) > 0:
			resumed[stream.ID] = true
			file := o.directory().OperationUpdates(stream.ID)
			runtime.Tell(o.manager, func(m *operationupdate.Manager) { m.Recover(file, stream.Updates) })
		default: // nothing was written, or nothing that can be read, and the status is to be written anew
			obsolete = append(obsolete, at)
		}
	}
	o.record(records)
	for _, at := range obsolete {
		records.Remove(at)
	}
	return resumed
}

// continueWith writes what was recovered, and continues the operations whose updates are not on disk: those that were
// being carried out, and those that had just finished.
func (o *Operations) continueWith(records *checkpoint.Records, resumed map[ids.UUID]bool) {
	o.record(records)
	var pending, finished []*mesospb.Operation
	for op := range o.All() {
		switch {
		case resumed[idOf(op)]:
		case ops.IsTerminal(op.GetLatestStatus().GetState()):
			finished = append(finished, op)
		default:
			pending = append(pending, op)
		}
	}
	if !records.Empty() || len(finished) > 0 {
		o.write(records, func() {
			for _, op := range finished {
				o.report(op)
			}
		})
	}
	for _, op := range pending {
		o.carryOut(op)
	}
}
