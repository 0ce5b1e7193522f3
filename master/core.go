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

// What the APIs over HTTP, and tests, know of a master and ask it to do, on its turns.

// ---- what there is ----

// Leadership is which master leads now.
func (m *Master) Leadership() leadership.State { return m.leadership.State() }

// Config is how the master behaves.
func (m *Master) Config() Config { return m.config }

// Book is what the master knows, on its turn. Others only read it.
func (m *Master) Book() *book.Book { return m.book }

// Roles is what the master knows of roles: which there may be, and their weights.
func (m *Master) Roles() *book.Roles { return m.roles }

// Counts is how often things happened.
func (m *Master) Counts() *counts.Counts { return m.counts }

// Look returns what the master knows now, to be read beside its turns.
func (m *Master) Look() *view.Cluster { return m.cluster.Look() }

// Follow subscribes somebody to the changes of the cluster: add is called on a turn of the actor that tells them.
func (m *Master) Follow(add func(*subscribers.Subscribers)) { m.cluster.Feed.Add(add) }

// Allocator is the actor that decides about offers; for tests, on the master's turn.
func (m *Master) Allocator() runtime.Ref[*allocator.Allocator] { return m.cluster.Allocator.Ref() }

// ---- what schedulers say ----

// Subscribe lets a scheduler be a framework, or tells it why not.
func (m *Master) Subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe) {
	m.frameworks.Subscribe(scheduler, call)
}

// Dispatch carries out a valid call of the connected framework f, other than SUBSCRIBE, or says why not.
func (m *Master) Dispatch(f *book.Framework, call *schedulerpb.Call) error {
	return m.calls.Dispatch(f, call)
}

// ---- what operators decide ----

// Teardown ends a framework and all that it runs.
func (m *Master) Teardown(f *book.Framework) { m.frameworks.Teardown(f) }

// CanDrain says why an agent cannot be drained although it may be known.
func (m *Master) CanDrain(id ids.Agent) error { return m.agents.Drains.CanDrain(id) }

// DrainAgent has an agent become empty.
func (m *Master) DrainAgent(id ids.Agent, config *mesospb.DrainConfig) leadership.Done {
	return m.agents.Drains.Drain(id, config)
}

// DeactivateAgent has nobody offered the agent's resources any more.
func (m *Master) DeactivateAgent(id ids.Agent) leadership.Done { return m.agents.Drains.Deactivate(id) }

// ReactivateAgent takes draining and deactivation back.
func (m *Master) ReactivateAgent(id ids.Agent) leadership.Done { return m.agents.Drains.Reactivate(id) }

// MarkAgentGone says that the agent will never come back.
func (m *Master) MarkAgentGone(id ids.Agent) leadership.Done { return m.agents.Removals.MarkGone(id) }

// Maintenance is the plan of which machines will be out of service.
func (m *Master) Maintenance() maintenance.Plan { return m.agents.Maintenance.Plan() }

// MaintenanceStatus is how far the machines of the plan are that are seen, and what frameworks said to leaving them.
func (m *Master) MaintenanceStatus(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus {
	return m.agents.Maintenance.Status(seen)
}

// UpdateSchedule replaces the plan of maintenance.
func (m *Master) UpdateSchedule(s *maintenancepb.Schedule) leadership.Done {
	return m.agents.Maintenance.Update(s)
}

// StartMaintenance takes machines of the plan down.
func (m *Master) StartMaintenance(machines []*mesospb.MachineID) leadership.Done {
	return m.agents.Maintenance.Start(machines)
}

// StopMaintenance brings machines up again, and takes them out of the plan.
func (m *Master) StopMaintenance(machines []*mesospb.MachineID) leadership.Done {
	return m.agents.Maintenance.Stop(machines)
}
