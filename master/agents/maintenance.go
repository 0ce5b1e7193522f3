package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/master/maintenance"
	"meseta/master/refusal"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// Maintenance implements the maintenance schedule of machines.
type Maintenance struct {
	*core
	removals *Removals
	planning *runtime.Sequence // orders changes of the schedule
}

// Recover takes over the schedule from the registry.
func (m *Maintenance) Recover(from *registrypb.Registry) {
	m.cluster.InverseOffers.Replan(maintenance.New(from), m.cluster.Offers.RescindOn)
	m.cluster.InverseOffers.Make()
}

// Plan returns the maintenance schedule with the state of its machines.
func (m *Maintenance) Plan() maintenance.Plan { return m.cluster.InverseOffers.Plan() }

// Status returns the state of those scheduled machines that seen accepts, and how frameworks answered the inverse
// offers for them.
func (m *Maintenance) Status(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus {
	status := m.Plan().Status(seen)
	for _, draining := range status.GetDrainingMachines() {
		for _, a := range m.book.AgentsOn(maintenance.MachineOf(draining.GetId())) {
			draining.Statuses = append(draining.Statuses, m.cluster.InverseOffers.Answers(a.ID)...)
		}
	}
	return status
}

// Update replaces the maintenance schedule. It rescinds offers and inverse offers of machines whose schedule changes,
// because they carry the time of unavailability.
//
// Mesos: Master::Http::_updateMaintenanceSchedule.
func (m *Maintenance) Update(s *maintenancepb.Schedule) leadership.Done {
	return runtime.Enqueue(m.planning, func() leadership.Done {
		if err := m.Plan().Validate(s); err != nil {
			return leadership.Failed(refusal.New(refusal.Invalid, "%v", err))
		}
		return m.replan("update the maintenance schedule", registrar.UpdateSchedule{Schedule: s}, func() {})
	})
}

// Start takes scheduled machines down: their agents are shut down and cannot re-register.
//
// Mesos: Master::Http::_startMaintenance.
func (m *Maintenance) Start(machines []*mesospb.MachineID) leadership.Done {
	return runtime.Enqueue(m.planning, func() leadership.Done {
		if err := m.Plan().ValidateStart(machines); err != nil {
			return leadership.Failed(refusal.New(refusal.Invalid, "%v", err))
		}
		return m.replan("start maintenance", registrar.StartMaintenance{Machines: machines}, func() {
			for _, id := range machines {
				for _, a := range m.book.AgentsOn(maintenance.MachineOf(id)) {
					m.removeIfDown(a)
				}
			}
		})
	})
}

// removeIfDown shuts a down if its machine is down. Its resources are not offered while the registry is written.
func (m *Maintenance) removeIfDown(a *book.Agent) {
	if !m.Plan().IsDown(a.Machine()) {
		return
	}
	m.Send(a.PID, &internalpb.ShutdownMessage{Message: proto.String(downMessage)})
	if a.Active {
		m.cluster.DeactivateAgent(a)
	}
	m.removals.Remove(a, downMessage, nil)
}

const downMessage = "Operator initiated 'Machine DOWN'"

// Stop brings machines back up and removes them from the schedule.
//
// Mesos: Master::Http::_stopMaintenance.
func (m *Maintenance) Stop(machines []*mesospb.MachineID) leadership.Done {
	return runtime.Enqueue(m.planning, func() leadership.Done {
		if err := m.Plan().ValidateStop(machines); err != nil {
			return leadership.Failed(refusal.New(refusal.Invalid, "%v", err))
		}
		return m.replan("stop maintenance", registrar.StopMaintenance{Machines: machines}, func() {})
	})
}

// replan applies op to the registry, takes over the schedule from there, and calls then. Changes run one after the
// other, so that each is validated against the schedule that it changes.
func (m *Maintenance) replan(what string, op registrar.Operation, then func()) leadership.Done {
	stored := m.registry.Try(what, op, func(bool) error { return nil }) // the registry never refuses a schedule
	return runtime.Chain(m, stored, func(_ struct{}, err error) leadership.Done {
		if err != nil {
			return leadership.Failed(err)
		}
		return m.registry.Reread(func(r *registrypb.Registry) {
			m.cluster.InverseOffers.Replan(maintenance.New(r), m.cluster.Offers.RescindOn)
			then()
			m.cluster.InverseOffers.Make()
		})
	})
}

// refuseDown shuts down an agent whose machine is down. It reports whether it did.
func (m *Maintenance) refuseDown(from runtime.PID, info *mesospb.SlaveInfo) bool {
	if !m.Plan().IsDown(book.MachineOf(info, from)) {
		return false
	}
	m.Log().Warn().Stringer("from", from).Str("hostname", info.GetHostname()).Msg("agent on a machine that is down refused")
	m.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Machine is `DOWN`")})
	return true
}
