package registrar

import (
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
)

// The operations that operators request. Mesos: src/master/registry_operations.cpp and src/master/maintenance.cpp.
type (
	// DeactivateAgent stops offers of the resources of an admitted or unreachable agent. If Drain is set, the agent is
	// drained as well.
	DeactivateAgent struct {
		ID    ids.Agent
		Drain *mesospb.DrainConfig // nil: the agent's tasks keep running
	}
	// MarkDrained records that a draining agent has become empty.
	MarkDrained struct{ ID ids.Agent }
	// ReactivateAgent reverts DeactivateAgent. It is refused while the agent drains, and if it is not deactivated.
	ReactivateAgent struct{ ID ids.Agent }

	// UpdateSchedule replaces the maintenance schedule. Machines that are new in it start draining; machines that are
	// no longer in it are up.
	UpdateSchedule struct{ Schedule *maintenancepb.Schedule }
	// StartMaintenance takes scheduled machines down.
	StartMaintenance struct{ Machines []*mesospb.MachineID }
	// StopMaintenance brings machines up and removes them from the schedule.
	StopMaintenance struct{ Machines []*mesospb.MachineID }
)

var (
	errUnknown     = errors.New("the agent is neither admitted nor unreachable")
	errNotDraining = errors.New("the agent is not draining")
	errDraining    = errors.New("the agent is draining")
	errActive      = errors.New("the agent is not deactivated")
)

// ---- agents ----

// standing is the part of an agent's record that operators control.
type standing struct {
	drain       *mesospb.DrainInfo
	deactivated *bool
}

// restand changes the standing of an admitted or unreachable agent.
func (r *registry) restand(id ids.Agent, change func(standing) (standing, error)) error {
	if old, ok := r.agents.entries[id]; ok {
		now, err := change(standing{old.DrainInfo, old.Deactivated})
		if err == nil {
			r.agents.set(id, &registrypb.Registry_Slave{Info: old.Info, DrainInfo: now.drain, Deactivated: now.deactivated})
		}
		return err
	}
	if old, ok := r.unreachable.entries[id]; ok {
		now, err := change(standing{old.DrainInfo, old.Deactivated})
		if err == nil {
			r.unreachable.set(id, &registrypb.Registry_UnreachableSlave{
				Id: old.Id, Timestamp: old.Timestamp, DrainInfo: now.drain, Deactivated: now.deactivated,
			})
		}
		return err
	}
	return errUnknown
}

func (o DeactivateAgent) perform(r *registry) error {
	err := r.restand(o.ID, func(now standing) (standing, error) {
		now.deactivated = proto.Bool(true)
		if o.Drain != nil {
			now.drain = &mesospb.DrainInfo{State: mesospb.DrainState_DRAINING.Enum(), Config: o.Drain}
		}
		return now, nil
	})
	if err == nil {
		r.require(mesospb.MasterInfo_Capability_AGENT_DRAINING)
	}
	return err
}

func (o MarkDrained) perform(r *registry) error {
	return r.restand(o.ID, func(now standing) (standing, error) {
		if now.drain.GetState() != mesospb.DrainState_DRAINING {
			return now, errNotDraining
		}
		now.drain = &mesospb.DrainInfo{State: mesospb.DrainState_DRAINED.Enum(), Config: now.drain.GetConfig()}
		return now, nil
	})
}

func (o ReactivateAgent) perform(r *registry) error {
	err := r.restand(o.ID, func(now standing) (standing, error) {
		switch {
		case now.deactivated == nil, !*now.deactivated:
			return now, errActive
		case now.drain.GetState() == mesospb.DrainState_DRAINING:
			return now, errDraining
		}
		return standing{}, nil
	})
	if err == nil && !r.anyDeactivated() {
		r.unrequire(mesospb.MasterInfo_Capability_AGENT_DRAINING)
	}
	return err
}

func (r *registry) anyDeactivated() bool {
	for _, a := range r.agents.entries {
		if a.GetDeactivated() {
			return true
		}
	}
	for _, a := range r.unreachable.entries {
		if a.GetDeactivated() {
			return true
		}
	}
	return false
}

// require adds c to the capabilities that a master needs in order to lead with this registry.
func (r *registry) require(c mesospb.MasterInfo_Capability_Type) {
	if !slices.ContainsFunc(r.cluster.MinimumCapabilities, isCapability(c)) {
		r.cluster.MinimumCapabilities = append(slices.Clone(r.cluster.MinimumCapabilities),
			&registrypb.Registry_MinimumCapability{Capability: proto.String(c.String())})
		r.touch(clusterKey)
	}
}

func (r *registry) unrequire(c mesospb.MasterInfo_Capability_Type) {
	r.cluster.MinimumCapabilities = slices.DeleteFunc(slices.Clone(r.cluster.MinimumCapabilities), isCapability(c))
	r.touch(clusterKey)
}

func isCapability(c mesospb.MasterInfo_Capability_Type) func(*registrypb.Registry_MinimumCapability) bool {
	return func(m *registrypb.Registry_MinimumCapability) bool { return m.GetCapability() == c.String() }
}

// ---- maintenance ----

func (o UpdateSchedule) perform(r *registry) error {
	modes := map[string]mesospb.MachineInfo_Mode{}
	for _, m := range r.cluster.GetMachines().GetMachines() {
		modes[machineKey(m.GetInfo().GetId())] = m.GetInfo().GetMode()
	}
	machines := &registrypb.Registry_Machines{}
	for _, w := range o.Schedule.GetWindows() {
		for _, id := range w.GetMachineIds() {
			mode, known := modes[machineKey(id)]
			if !known {
				mode = mesospb.MachineInfo_DRAINING
			}
			machines.Machines = append(machines.Machines, &registrypb.Registry_Machine{
				Info: &mesospb.MachineInfo{Id: id, Mode: mode.Enum(), Unavailability: w.GetUnavailability()},
			})
		}
	}
	r.cluster.Machines = machines
	r.cluster.Schedules = []*maintenancepb.Schedule{o.Schedule}
	r.touch(clusterKey)
	return nil
}

func (o StartMaintenance) perform(r *registry) error {
	down := keysOf(o.Machines)
	machines := &registrypb.Registry_Machines{}
	for _, m := range r.cluster.GetMachines().GetMachines() {
		if info := m.GetInfo(); down[machineKey(info.GetId())] {
			m = &registrypb.Registry_Machine{Info: &mesospb.MachineInfo{
				Id: info.Id, Mode: mesospb.MachineInfo_DOWN.Enum(), Unavailability: info.Unavailability,
			}}
		}
		machines.Machines = append(machines.Machines, m)
	}
	r.cluster.Machines = machines
	r.touch(clusterKey)
	return nil
}

func (o StopMaintenance) perform(r *registry) error {
	up := keysOf(o.Machines)
	machines := &registrypb.Registry_Machines{}
	for _, m := range r.cluster.GetMachines().GetMachines() {
		if !up[machineKey(m.GetInfo().GetId())] {
			machines.Machines = append(machines.Machines, m)
		}
	}
	r.cluster.Machines = machines
	var schedules []*maintenancepb.Schedule
	for _, s := range r.cluster.GetSchedules() {
		if s = withoutMachines(s, up); len(s.Windows) > 0 {
			schedules = append(schedules, s)
		}
	}
	r.cluster.Schedules = schedules
	r.touch(clusterKey)
	return nil
}

func withoutMachines(s *maintenancepb.Schedule, gone map[string]bool) *maintenancepb.Schedule {
	left := &maintenancepb.Schedule{}
	for _, w := range s.GetWindows() {
		window := &maintenancepb.Window{Unavailability: w.GetUnavailability()}
		for _, id := range w.GetMachineIds() {
			if !gone[machineKey(id)] {
				window.MachineIds = append(window.MachineIds, id)
			}
		}
		if len(window.MachineIds) > 0 {
			left.Windows = append(left.Windows, window)
		}
	}
	return left
}

func keysOf(machines []*mesospb.MachineID) map[string]bool {
	keys := map[string]bool{}
	for _, id := range machines {
		keys[machineKey(id)] = true
	}
	return keys
}

// machineKey returns a key that identifies a machine by IP address and hostname. Hostnames are compared without regard
// to case.
func machineKey(id *mesospb.MachineID) string {
	return id.GetIp() + "/" + strings.ToLower(id.GetHostname())
}
