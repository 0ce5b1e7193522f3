// Package maintenance holds the maintenance schedule and the state of its machines: up, draining since they were
// scheduled, or down. It is pure. The registry keeps the schedule, and a new [Plan] is made from it after every change.
package maintenance

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
)

// Machine identifies a machine by address and hostname.
type Machine struct{ Hostname, IP string }

// MachineOf returns the machine that id names. Hostnames are compared without regard to case.
func MachineOf(id *mesospb.MachineID) Machine {
	return Machine{strings.ToLower(id.GetHostname()), id.GetIp()}
}

// Plan is the maintenance schedule at one moment. The zero value is empty.
type Plan struct {
	schedule *maintenancepb.Schedule
	order    []Machine
	machines map[Machine]*mesospb.MachineInfo
}

// New returns the schedule in a registry.
func New(r *registrypb.Registry) Plan {
	p := Plan{machines: map[Machine]*mesospb.MachineInfo{}}
	if schedules := r.GetSchedules(); len(schedules) > 0 {
		p.schedule = schedules[0]
	}
	for _, m := range r.GetMachines().GetMachines() {
		machine := MachineOf(m.GetInfo().GetId())
		p.order = append(p.order, machine)
		p.machines[machine] = m.GetInfo()
	}
	return p
}

// IsEmpty reports whether no machine is scheduled.
func (p Plan) IsEmpty() bool { return len(p.machines) == 0 }

// Machines returns the scheduled machines.
func (p Plan) Machines() []Machine { return p.order }

// Schedule returns the schedule of those machines that seen accepts. It must not be changed.
func (p Plan) Schedule(seen func(*mesospb.MachineID) bool) *maintenancepb.Schedule {
	schedule := &maintenancepb.Schedule{}
	for _, w := range p.schedule.GetWindows() {
		window := &maintenancepb.Window{Unavailability: w.Unavailability}
		for _, id := range w.GetMachineIds() {
			if seen(id) {
				window.MachineIds = append(window.MachineIds, id)
			}
		}
		if len(window.MachineIds) > 0 {
			schedule.Windows = append(schedule.Windows, window)
		}
	}
	return schedule
}

// Status returns the state of those scheduled machines that seen accepts.
func (p Plan) Status(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus {
	status := &maintenancepb.ClusterStatus{}
	for _, m := range p.order {
		if !seen(p.machines[m].Id) {
			continue
		}
		switch info := p.machines[m]; info.GetMode() {
		case mesospb.MachineInfo_DRAINING:
			status.DrainingMachines = append(status.DrainingMachines, &maintenancepb.ClusterStatus_DrainingMachine{Id: info.Id})
		case mesospb.MachineInfo_DOWN:
			status.DownMachines = append(status.DownMachines, info.Id)
		}
	}
	return status
}

// IsDown reports whether the machine is down, so that no agent on it may register.
func (p Plan) IsDown(m Machine) bool { return p.machines[m].GetMode() == mesospb.MachineInfo_DOWN }

// Includes reports whether the machine is scheduled.
func (p Plan) Includes(m Machine) bool { return p.machines[m] != nil }

// Unavailability returns when the machine will be unavailable, or nil.
func (p Plan) Unavailability(m Machine) *mesospb.Unavailability {
	return p.machines[m].GetUnavailability()
}

// ---- what operators ask for ----

// Validate returns an error if s is not a valid new schedule.
//
// Mesos: maintenance::validation::schedule.
func (p Plan) Validate(s *maintenancepb.Schedule) error {
	planned := map[Machine]bool{}
	for _, w := range s.GetWindows() {
		if len(w.GetMachineIds()) == 0 {
			return errors.New("List of machines in the maintenance window is empty")
		}
		if w.GetUnavailability().GetDuration().GetNanoseconds() < 0 {
			return errors.New("Unavailability 'duration' is negative")
		}
		if err := validateMachines(w.GetMachineIds(), planned); err != nil {
			return err
		}
	}
	for _, m := range p.order {
		if p.IsDown(m) && !planned[m] {
			return fmt.Errorf("Machine '%s' is deactivated and cannot be removed from the schedule", text(p.machines[m].Id))
		}
	}
	return nil
}

// ValidateStart returns an error if machines cannot be taken down.
func (p Plan) ValidateStart(machines []*mesospb.MachineID) error {
	return p.validateMode(machines, mesospb.MachineInfo_DRAINING, "down")
}

// ValidateStop returns an error if machines cannot be brought back up.
func (p Plan) ValidateStop(machines []*mesospb.MachineID) error {
	return p.validateMode(machines, mesospb.MachineInfo_DOWN, "up")
}

func (p Plan) validateMode(machines []*mesospb.MachineID, mode mesospb.MachineInfo_Mode, direction string) error {
	if len(machines) == 0 {
		return errors.New("List of machines is empty")
	}
	if err := validateMachines(machines, map[Machine]bool{}); err != nil {
		return err
	}
	for _, id := range machines {
		switch info := p.machines[MachineOf(id)]; {
		case info == nil:
			return fmt.Errorf("Machine '%s' is not part of a maintenance schedule", text(id))
		case info.GetMode() != mode:
			return fmt.Errorf("Machine '%s' is not in %s mode and cannot be brought %s", text(id), mode, direction)
		}
	}
	return nil
}

// validateMachines validates machines and adds them to seen.
func validateMachines(machines []*mesospb.MachineID, seen map[Machine]bool) error {
	for _, id := range machines {
		if err := validateMachine(id); err != nil {
			return err
		}
		m := MachineOf(id)
		if seen[m] {
			return fmt.Errorf("Machine '%s' appears more than once in the schedule", text(id))
		}
		seen[m] = true
	}
	return nil
}

func validateMachine(id *mesospb.MachineID) error {
	if id.GetHostname() == "" && id.GetIp() == "" {
		return errors.New("Both 'hostname' and 'ip' for a machine are empty")
	}
	if id.GetIp() == "" {
		return nil
	}
	if ip, err := netip.ParseAddr(id.GetIp()); err != nil || !ip.Is4() {
		return fmt.Errorf("Failed to parse the IP '%s'", id.GetIp())
	}
	return nil
}

func text(id *mesospb.MachineID) string { return string(mesosjson.Marshal(id)) }
