package master_test

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// operate makes random decisions of operators, several at the same time, about agents in any state.
func (c *chaos) operate() {
	for range 1 + c.rand.IntN(3) {
		a, ok := pick(c, c.agents)
		if !ok || len(mastertest.All[*internalpb.SlaveRegisteredMessage](a)) == 0 {
			return
		}
		begin(c.Cluster, c.decision(mastertest.AgentID(a), a.PID().Addr))
		c.Advance(time.Duration(c.rand.IntN(20)) * time.Millisecond)
	}
	c.Advance(time.Second) // all calls are answered before the master may fail
}

func (c *chaos) decision(agent *mesospb.SlaveID, addr string) *masterpb.Call {
	machine := []*mesospb.MachineID{{Hostname: mastertest.AgentInfo(addr).Hostname, Ip: mastertest.AgentInfo(addr).Hostname}}
	switch c.rand.IntN(9) {
	case 0, 1:
		return &masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: agent, MarkGone: proto.Bool(c.rand.IntN(4) == 0)}}
	case 2:
		return &masterpb.Call{DeactivateAgent: &masterpb.Call_DeactivateAgent{SlaveId: agent}}
	case 3, 4:
		return &masterpb.Call{ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: agent}}
	case 5:
		return &masterpb.Call{MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: agent}}
	case 6:
		return &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: &maintenancepb.Schedule{
			Windows: []*maintenancepb.Window{{MachineIds: machine, Unavailability: &mesospb.Unavailability{Start: &mesospb.TimeInfo{Nanoseconds: proto.Int64(1)}}}},
		}}}
	case 7:
		return &masterpb.Call{StartMaintenance: &masterpb.Call_StartMaintenance{Machines: machine}}
	default:
		return &masterpb.Call{StopMaintenance: &masterpb.Call_StopMaintenance{Machines: machine}}
	}
}

// sayGoodbye unregisters an agent or a scheduler, which may come back before that is done.
func (c *chaos) sayGoodbye() {
	if a, ok := pick(c, c.agents); ok && c.rand.IntN(2) == 0 {
		if len(mastertest.All[*internalpb.SlaveRegisteredMessage](a)) > 0 {
			id := mastertest.AgentID(a)
			a.SayAtOnce(&internalpb.UnregisterSlaveMessage{SlaveId: id}, returning(a, ids.AgentOf(id), float64(4+c.rand.IntN(2))), mastertest.Registration(a.PID().Addr))
		}
		return
	}
	if s, ok := c.scheduler(); ok {
		again := proto.CloneOf(s.info)
		again.Id = mastertest.FrameworkID(s.Peer)
		s.gone = true
		s.SayAtOnce(
			&schedulerpb.Call{FrameworkId: again.Id, Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: again}},
			&schedulerpb.Call{FrameworkId: again.Id, Type: schedulerpb.Call_TEARDOWN.Enum()},
			&schedulerpb.Call{FrameworkId: again.Id, Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: again}},
		)
	}
}
