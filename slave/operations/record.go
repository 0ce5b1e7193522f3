package operations

import (
	"fmt"
	"slices"

	ops "meseta/messages/operations"
	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/wire"
)

// directory returns the directory of the agent's checkpoints.
func (o *Operations) directory() checkpoint.Agent { return o.root.Meta().Agent(o.agent.ID()) }

// record adds to records the operations and resources as they are now, with the directories of volumes, unless that has
// been recorded. The volumes must have been checked.
//
// Mesos: Slave::checkpointResourceState.
func (o *Operations) record(records *checkpoint.Records) {
	now := recorded{resources: o.agent.Ledger().Checkpointed, operations: o.kept()}
	converted := !now.resources.Equal(o.recorded.resources)
	if !converted && !o.recorded.intended && slices.Equal(now.operations, o.recorded.operations) {
		return
	}
	state := &agentstatepb.ResourceState{Resources: now.resources.Proto(), Operations: now.operations}
	var old []*mesospb.Resource
	if converted || o.recorded.intended {
		old = append([]*mesospb.Resource{}, wire.Downgrade(state.GetResources())...)
	}
	records.Intend(o.root.Meta(), state, old)
	if err := records.Volumes(o.root, o.recorded.resources, now.resources); err != nil {
		o.fatal(fmt.Errorf("Failed to sync checkpointed resources: %w", err))
		return
	}
	o.gone = append(o.gone, o.root.Gone(o.recorded.resources, now.resources)...)
	records.Commit(o.root.Meta(), old != nil)
	o.recorded = now
}

// kept returns the operations that have to be recorded: those with a status that was not acknowledged, and those that
// make or remove the directories of volumes, because a crash may leave that half done.
func (o *Operations) kept() []*mesospb.Operation {
	var kept []*mesospb.Operation
	for op := range o.All() {
		if ops.IsTerminal(op.GetLatestStatus().GetState()) || changesVolumes(op.GetInfo().GetType()) {
			kept = append(kept, op)
		}
	}
	return kept
}

func changesVolumes(t mesospb.Offer_Operation_Type) bool {
	return t == mesospb.Offer_Operation_CREATE || t == mesospb.Offer_Operation_DESTROY
}

// write writes records and calls then. An agent that cannot write has to end, because its master counts on what it does.
func (o *Operations) write(records *checkpoint.Records, then func()) {
	o.writing++
	gone := o.gone
	o.gone = nil
	written := runtime.Ask(o.disk, (*disk.Writer).Write, records.Batch)
	o.writes = runtime.Chain(o, written, func(_ struct{}, err error) runtime.Future[struct{}] {
		if err != nil || len(gone) == 0 {
			return written
		}
		return runtime.Continue(o, o.onDestruction(gone), func(_ struct{}, err error) (struct{}, error) {
			if err != nil {
				o.Log().Error().Err(err).Strs("volumes", gone).Msg("groups of volumes not free")
			}
			return struct{}{}, nil
		})
	})
	runtime.Await(o, o.writes, func(_ struct{}, err error) {
		o.writing--
		if err != nil {
			o.fatal(fmt.Errorf("Failed to sync checkpointed resources: %w", err))
			return
		}
		then()
	})
}

// CheckpointResources takes over the reservations and volumes that an older master has made.
//
// Mesos: Slave::checkpointResourcesMessage.
//
// Differs: Mesos ends if they do not fit; then they are ignored here.
func (o *Operations) CheckpointResources(from runtime.PID, m *internalpb.CheckpointResourcesMessage) {
	if !o.agent.FromMaster(from, "checkpoint resources") {
		return
	}
	if err := o.takeOver(m.GetResources()); err != nil {
		o.Log().Error().Err(err).Msg("reservations and volumes of the master ignored")
		return
	}
	var records checkpoint.Records
	o.record(&records)
	o.write(&records, func() {})
}

// takeOver makes all the dynamic reservations and persistent volumes of the agent.
func (o *Operations) takeOver(all []*mesospb.Resource) error {
	checkpointed, err := resources.FromProto(all)
	if err != nil {
		return err
	}
	if err := o.convert(checkpointed); err != nil {
		return err
	}
	o.Log().Info().Stringer("resources", checkpointed).Msg("checkpointed resources are the master's")
	return nil
}

// convert gives the agent the resources that it was started with, with checkpointed ones in place of those they were
// made from. It fails, and changes nothing, if they do not fit.
func (o *Operations) convert(checkpointed resources.Resources) error {
	started := resources.FromValid(o.agent.Info().GetResources())
	total, err := started.WithCheckpointed(checkpointed)
	if err != nil {
		return fmt.Errorf("Checkpointed resources %s are incompatible with agent resources %s: %w", checkpointed, started, err)
	}
	var tried checkpoint.Records
	if err := tried.Volumes(o.root, resources.Resources{}, checkpointed); err != nil {
		return err
	}
	ledger := o.agent.Ledger()
	ledger.Total, ledger.Checkpointed = total, checkpointed
	return nil
}
