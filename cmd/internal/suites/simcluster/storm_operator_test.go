package simcluster_test

import (
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/master"
	"meseta/messages/ids"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
)

// What operators do.

func (s *storm) teardown() {
	if s.framework().Teardown() {
		s.did("teardown")
	}
}

// named is an agent that the master may know, in whatever state.
func (s *storm) named() *mesospb.SlaveID { return s.agent().ID().Proto() }

func (s *storm) drain() {
	call := &masterpb.Call_DrainAgent{SlaveId: s.named(), MarkGone: proto.Bool(s.oneIn(4))}
	switch s.chance.IntN(3) {
	case 0:
		call.MaxGracePeriod = &mesospb.DurationInfo{Nanoseconds: proto.Int64(0)}
	case 1:
		call.MaxGracePeriod = &mesospb.DurationInfo{Nanoseconds: proto.Int64(30e9)}
	}
	s.Operate(&masterpb.Call{Type: masterpb.Call_DRAIN_AGENT.Enum(), DrainAgent: call})
}

func (s *storm) markGone() { s.giveUp(s.named()) }

func (s *storm) giveUp(agent *mesospb.SlaveID) {
	s.Operate(&masterpb.Call{
		Type: masterpb.Call_MARK_AGENT_GONE.Enum(), MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: agent},
	})
}

func (s *storm) deactivate() {
	s.Operate(&masterpb.Call{
		Type: masterpb.Call_DEACTIVATE_AGENT.Enum(), DeactivateAgent: &masterpb.Call_DeactivateAgent{SlaveId: s.named()},
	})
}

func (s *storm) reactivate() { s.reactivated(s.named()) }

func (s *storm) reactivated(agent *mesospb.SlaveID) {
	s.Operate(&masterpb.Call{
		Type: masterpb.Call_REACTIVATE_AGENT.Enum(), ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: agent},
	})
}

// schedule plans maintenance of some machines, beside those that are down already.
func (s *storm) schedule() {
	if !s.Master.Living() {
		return
	}
	plan := s.down()
	for _, a := range s.Agents {
		if s.oneIn(2) && !contains(plan, a) {
			plan = append(plan, a.Machine())
		}
	}
	s.plan(plan)
}

func (s *storm) plan(machines []*mesospb.MachineID) {
	schedule := &maintenancepb.Schedule{}
	if len(machines) > 0 {
		schedule.Windows = []*maintenancepb.Window{{
			MachineIds: machines, Unavailability: &mesospb.Unavailability{
				Start: &mesospb.TimeInfo{Nanoseconds: proto.Int64(s.World.Now().UnixNano())},
			},
		}}
	}
	s.Operate(&masterpb.Call{
		Type:                      masterpb.Call_UPDATE_MAINTENANCE_SCHEDULE.Enum(),
		UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: schedule},
	})
}

// down are the machines that are out of service.
func (s *storm) down() (machines []*mesospb.MachineID) {
	s.Master.Do(func(m *master.Master) {
		machines = m.MaintenanceStatus(func(*mesospb.MachineID) bool { return true }).GetDownMachines()
	})
	return machines
}

func contains(machines []*mesospb.MachineID, a *simcluster.Agent) bool {
	for _, m := range machines {
		if proto.Equal(m, a.Machine()) {
			return true
		}
	}
	return false
}

// machineDown takes a machine down, mostly one that is planned.
func (s *storm) machineDown() {
	machines := []*mesospb.MachineID{s.agent().Machine()}
	if planned := s.planned(); len(planned) > 0 && !s.oneIn(4) {
		machines = planned[s.chance.IntN(len(planned)):][:1]
	}
	s.Operate(&masterpb.Call{
		Type:             masterpb.Call_START_MAINTENANCE.Enum(),
		StartMaintenance: &masterpb.Call_StartMaintenance{Machines: machines},
	})
}

// planned are the machines that will be out of service.
func (s *storm) planned() (machines []*mesospb.MachineID) {
	if !s.Master.Living() {
		return nil
	}
	s.Master.Do(func(m *master.Master) {
		status := m.MaintenanceStatus(func(*mesospb.MachineID) bool { return true })
		for _, draining := range status.GetDrainingMachines() {
			machines = append(machines, draining.GetId())
		}
	})
	return machines
}

func (s *storm) machineUp() {
	if !s.Master.Living() {
		return
	}
	if down := s.down(); len(down) > 0 {
		s.up(down[s.chance.IntN(len(down)):][:1])
	}
}

func (s *storm) up(machines []*mesospb.MachineID) {
	s.Operate(&masterpb.Call{
		Type: masterpb.Call_STOP_MAINTENANCE.Enum(), StopMaintenance: &masterpb.Call_StopMaintenance{Machines: machines},
	})
}

// look reads all there is.
func (s *storm) look() {
	s.Operate(&masterpb.Call{Type: masterpb.Call_GET_STATE.Enum()})
}

// undo takes back all that operators have decided. A master that may not remove agents is rid of those that will never
// come back.
func (s *storm) undo(abandon bool) {
	if down := s.down(); len(down) > 0 {
		s.up(down)
	}
	s.Advance(s.while() % 1e9)
	if !s.Master.Living() {
		return
	}
	s.plan(nil)
	for _, a := range s.Agents {
		s.reactivated(a.ID().Proto())
	}
	if !abandon {
		return
	}
	// An agent that drains waits until its last updates are acknowledged, by schedulers that may never come back.
	s.tearDown(func(id ids.Framework) bool { return !s.speaksFor(id) })
	here := map[ids.Agent]bool{}
	for _, a := range s.Agents {
		here[a.ID()] = true
	}
	s.Master.Do(func(m *master.Master) {
		for _, info := range m.Book().AllRecovered() {
			if id := ids.AgentOf(info.GetId()); !here[id] {
				defer s.giveUp(info.Id)
			}
		}
	})
}
