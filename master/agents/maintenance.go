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

// Maintenance carries out the plan of which machines are out of service.
type Maintenance struct {
	*core
	removals *Removals
	planning *runtime.Sequence // of changes of the plan
}

// Recover takes over the plan that the registry holds.
func (m *Maintenance) Recover(from *registrypb.Registry) {
	m.cluster.InverseOffers.Replan(maintenance.New(from), m.cluster.Offers.RescindOn)
	m.cluster.InverseOffers.Make()
}

// Plan is the plan of which machines will be out of service.
func (m *Maintenance) Plan() maintenance.Plan { return m.cluster.InverseOffers.Plan() }

// Status is how far the machines of the plan are that are seen, and what frameworks said to leaving them.
func (m *Maintenance) Status(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus {
	status := m.Plan().Status(seen)
	for _, draining := range status.GetDrainingMachines() {
		for _, a := range m.book.AgentsOn(maintenance.MachineOf(draining.GetId())) {
			draining.Statuses = append(draining.Statuses, m.cluster.InverseOffers.Answers(a.ID)...)
		}
	}
	return status
}

// Update replaces the plan of maintenance. Offers of machines whose plan changes are taken back, since they
// tell when the machine will be out of service, and so are inverse offers.
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

// Start takes machines of the plan down: their agents are shut down and cannot come back.
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

// removeIfDown shuts a down if its machine is out of service. Nobody is offered it until the registry knows.
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

// Stop brings machines up again, and takes them out of the plan.
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

// replan changes the plan in the registry, takes it over from there, and then does the rest. Changes are made one after
// the other, so that each was allowed by the plan that it changes.
func (m *Maintenance) replan(what string, op registrar.Operation, then func()) leadership.Done {
	stored := m.registry.Try(what, op, func(bool) error { return nil }) // the plan is never refused
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

// refuseDown shuts an agent down whose machine is out of service.
func (m *Maintenance) refuseDown(from runtime.PID, info *mesospb.SlaveInfo) bool {
	if !m.Plan().IsDown(book.MachineOf(info, from)) {
		return false
	}
	m.Log().Warn().Stringer("from", from).Str("hostname", info.GetHostname()).Msg("agent on a machine that is down refused")
	m.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Machine is `DOWN`")})
	return true
}
