// Package operations carries out operations on an agent's resources, such as reservations and persistent volumes made
// at run time, and tells the master what became of them.
//
// An operation changes the agent's resources at once, in memory. It is then checkpointed together with the resources as
// they are, while the directories of volumes are made or removed, and only after that is its status sent to the master,
// again and again until the master acknowledges it. The master makes the same change when it sends the operation, so
// that all that can go wrong is that the two have different resources to begin with.
//
// Mesos: Slave::applyOperation, Slave::checkpointResourceState.
package operations

import (
	"iter"

	"github.com/elliotchance/orderedmap/v3"

	"meseta/actors/operationupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/membership"
)

// Options configures [Operations]. All fields are required.
type Options struct {
	Root    checkpoint.Root // the work directory
	Agent   *membership.Membership
	Disk    runtime.Ref[*disk.Writer]
	Manager runtime.Ref[*operationupdate.Manager]
	// Destroyed is called, on the agent's turn, with the directories of persistent volumes that were destroyed, if there are any.
	// Nothing else happens to them until the future completes.
	Destroyed func(volumes []string) runtime.Future[struct{}]
	// Over is called, on the agent's turn, after an operation is over and has been forgotten.
	Over func()
	// Diverged is called, on the agent's turn, when the master had other resources in mind than a registered agent has,
	// so that it has to learn of these.
	Diverged func()
	// Fatal is called, on the agent's turn, when an operation cannot be checkpointed.
	Fatal func(error)
}

// Operations holds the operations of an agent that are not over. It belongs to the agent's actor and may be used only on
// its turns.
type Operations struct {
	*runtime.Actor // the agent's
	root           checkpoint.Root
	agent          *membership.Membership
	disk           runtime.Ref[*disk.Writer]
	manager        runtime.Ref[*operationupdate.Manager]
	onDestruction  func([]string) runtime.Future[struct{}]
	over           func()
	onDivergence   func()
	fatal          func(error)

	// all holds the operations in the order in which they came. They are replaced, never changed, because they are sent
	// and shown.
	all      *orderedmap.OrderedMap[ids.UUID, *mesospb.Operation]
	recorded recorded
	gone     []string                 // the directories of volumes that the next write destroys
	writes   runtime.Future[struct{}] // the latest
	writing  int                      // writes that are not complete
}

// recorded is what has been given to the disk.
type recorded struct {
	resources  resources.Resources
	operations []*mesospb.Operation
	intended   bool // but not committed, by an agent that has died
}

// New returns the operations of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Operations {
	return &Operations{
		Actor: actor, root: o.Root, agent: o.Agent, disk: o.Disk, manager: o.Manager, onDestruction: o.Destroyed, over: o.Over, onDivergence: o.Diverged, fatal: o.Fatal,
		all: orderedmap.NewOrderedMap[ids.UUID, *mesospb.Operation](), writes: runtime.Ready(struct{}{}),
	}
}

// All yields the operations that are not over, oldest first.
func (o *Operations) All() iter.Seq[*mesospb.Operation] { return o.all.Values() }

// List returns the operations that are not over, oldest first.
func (o *Operations) List() []*mesospb.Operation {
	list := make([]*mesospb.Operation, 0, o.all.Len())
	for op := range o.all.Values() {
		list = append(list, op)
	}
	return list
}

// Empty reports whether no operation is known.
func (o *Operations) Empty() bool { return o.all.Len() == 0 }

// Busy reports whether operations are being written, so that the directory of a volume may not exist yet.
func (o *Operations) Busy() bool { return o.writing > 0 }

// Done completes when the operations so far are written.
func (o *Operations) Done() runtime.Future[struct{}] { return o.writes }

// Open has updates sent to the master. They are paused until [Operations.Resume].
func (o *Operations) Open(forward func(*operationupdate.Update)) {
	runtime.Tell(o.manager, func(m *operationupdate.Manager) { m.Open(forward) })
	o.Pause()
}

// Pause stops the sending of updates, for the time that the agent is not registered.
func (o *Operations) Pause() {
	runtime.Tell(o.manager, func(m *operationupdate.Manager) { m.Pause() })
}

// Resume sends all updates that were not acknowledged, and those that come.
func (o *Operations) Resume() {
	runtime.Tell(o.manager, func(m *operationupdate.Manager) { m.Resume() })
}

// Forward sends an update to the master.
//
// Mesos: Slave::sendOperationStatusUpdate.
func (o *Operations) Forward(u *operationupdate.Update) {
	if o.agent.State() != membership.Running {
		o.Log().Warn().Stringer("state", o.agent.State()).Msg("update of an operation dropped")
		return
	}
	o.agent.SendMaster(u)
}

// diverged has the agent register again if it is registered, because the master has other resources in mind.
func (o *Operations) diverged() {
	if o.agent.State() == membership.Running {
		o.onDivergence()
	}
}

// update returns the update with the latest status of an operation.
func (o *Operations) update(op *mesospb.Operation) *internalpb.UpdateOperationStatusMessage {
	return &internalpb.UpdateOperationStatusMessage{
		FrameworkId: op.GetFrameworkId(), SlaveId: o.agent.Info().GetId(), Status: op.GetLatestStatus(), OperationUuid: op.GetUuid(),
	}
}
