package book

import (
	"net"
	"slices"

	"meseta/master/maintenance"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// HostOf returns the IP address in pid.
func HostOf(pid runtime.PID) string {
	host, _, _ := net.SplitHostPort(pid.Addr)
	return host
}

// MachineOf returns the machine of an agent that is described by info and has the address pid.
func MachineOf(info *mesospb.SlaveInfo, pid runtime.PID) maintenance.Machine {
	ip := HostOf(pid)
	return maintenance.MachineOf(&mesospb.MachineID{Hostname: info.Hostname, Ip: &ip})
}

// Machine returns the machine of a. It does not change while a is registered.
func (a *Agent) Machine() maintenance.Machine { return a.machine }

// AgentsOn returns the registered agents on machines, without repetition.
func (b *Book) AgentsOn(machines ...maintenance.Machine) []*Agent {
	var on []*Agent
	for _, m := range machines {
		on = append(on, b.machines[m]...)
	}
	slices.SortFunc(on, func(a, b *Agent) int { return compareIDs(a.ID, b.ID) })
	return slices.Compact(on)
}

func (b *Book) indexMachine(a *Agent) {
	a.machine = MachineOf(a.Info, a.PID)
	b.machines[a.machine] = append(b.machines[a.machine], a)
}

func (b *Book) unindexMachine(a *Agent) {
	left := slices.DeleteFunc(b.machines[a.machine], func(other *Agent) bool { return other == a })
	if len(left) == 0 {
		delete(b.machines, a.machine)
	} else {
		b.machines[a.machine] = left
	}
}
