package master

import (
	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/master/counts"
	"meseta/master/leadership"
	"meseta/master/maintenance"
	"meseta/master/subscribers"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// These methods are for the HTTP APIs and for tests. They must be called on the master's turns.

// ---- state ----

// Leadership returns whether this master leads, and which master does.
func (m *Master) Leadership() leadership.State { return m.leadership.State() }

// Config returns the configuration.
func (m *Master) Config() Config { return m.config }

// Book returns the master's state. Callers only read it, and only on the master's turns.
func (m *Master) Book() *book.Book { return m.book }

// Roles returns the allowed roles and their weights.
func (m *Master) Roles() *book.Roles { return m.roles }

// Counts returns the master's counters.
func (m *Master) Counts() *counts.Counts { return m.counts }

// Look returns the state of the cluster, which may be read outside the master's turns.
func (m *Master) Look() *view.Cluster { return m.cluster.Look() }

// Follow calls add with the subscribers of changes of the cluster, on a turn of the actor that serves them.
func (m *Master) Follow(add func(*subscribers.Subscribers)) { m.cluster.Feed.Add(add) }

// Allocator returns the allocator, for tests.
func (m *Master) Allocator() runtime.Ref[*allocator.Allocator] { return m.cluster.Allocator.Ref() }

// ---- calls of schedulers ----

// Subscribe subscribes a scheduler, or sends it an error.
func (m *Master) Subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe) {
	m.frameworks.Subscribe(scheduler, call)
}

// Dispatch carries out a valid call of the connected framework f other than SUBSCRIBE, or returns an error.
func (m *Master) Dispatch(f *book.Framework, call *schedulerpb.Call) error {
	return m.calls.Dispatch(f, call)
}

// Waits reports whether calls of a framework have to wait until hooks have looked at an earlier one.
func (m *Master) Waits(f ids.Framework) bool { return m.hooked.Waits(f) }

// Handle calls do, which carries out a call, after all earlier calls of a framework were carried out. It fails if too many
// wait.
func (m *Master) Handle(f ids.Framework, call *schedulerpb.Call, do func()) error {
	return m.hooked.Handle(f, call, do)
}

// ---- decisions of operators ----

// Teardown ends a framework and everything that it runs.
func (m *Master) Teardown(f *book.Framework) { m.frameworks.Teardown(f) }

// CheckOperation returns an operator's operation in the format that agents accept, or an error if it is invalid. principal is nil if the
// operator is not authenticated.
func (m *Master) CheckOperation(agent ids.Agent, op *mesospb.Offer_Operation, principal *string) (*mesospb.Offer_Operation, error) {
	return m.operations.Check(agent, op, principal)
}

// ApplyOperation carries out an operator's operation that was checked.
func (m *Master) ApplyOperation(agent ids.Agent, op *mesospb.Offer_Operation) leadership.Done {
	return m.operations.Apply(agent, op)
}

// CanDrain returns an error if an agent cannot be drained although it may be known.
func (m *Master) CanDrain(id ids.Agent) error { return m.agents.Drains.CanDrain(id) }

// DrainAgent stops offering an agent's resources and has it kill its tasks.
func (m *Master) DrainAgent(id ids.Agent, config *mesospb.DrainConfig) leadership.Done {
	return m.agents.Drains.Drain(id, config)
}

// DeactivateAgent stops offering an agent's resources.
func (m *Master) DeactivateAgent(id ids.Agent) leadership.Done { return m.agents.Drains.Deactivate(id) }

// ReactivateAgent ends the draining and deactivation of an agent.
func (m *Master) ReactivateAgent(id ids.Agent) leadership.Done { return m.agents.Drains.Reactivate(id) }

// MarkAgentGone marks an agent that will never come back.
func (m *Master) MarkAgentGone(id ids.Agent) leadership.Done { return m.agents.Removals.MarkGone(id) }

// Maintenance returns the maintenance schedule with the state of its machines.
func (m *Master) Maintenance() maintenance.Plan { return m.agents.Maintenance.Plan() }

// MaintenanceStatus returns the state of those scheduled machines that seen accepts, and how frameworks answered the
// inverse offers for them.
func (m *Master) MaintenanceStatus(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus {
	return m.agents.Maintenance.Status(seen)
}

// UpdateSchedule replaces the maintenance schedule.
func (m *Master) UpdateSchedule(s *maintenancepb.Schedule) leadership.Done {
	return m.agents.Maintenance.Update(s)
}

// StartMaintenance takes scheduled machines down.
func (m *Master) StartMaintenance(machines []*mesospb.MachineID) leadership.Done {
	return m.agents.Maintenance.Start(machines)
}

// StopMaintenance brings machines back up and removes them from the schedule.
func (m *Master) StopMaintenance(machines []*mesospb.MachineID) leadership.Done {
	return m.agents.Maintenance.Stop(machines)
}
