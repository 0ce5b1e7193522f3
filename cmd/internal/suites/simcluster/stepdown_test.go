package simcluster_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
)

// writes are the calls of operators that wait for the registry, for a cluster whose first agent can be decided about. Some
// need another one first.
func writes(a *simcluster.Agent) map[string][]*masterpb.Call {
	id, machine := a.ID().Proto(), []*mesospb.MachineID{a.Machine()}
	schedule := &masterpb.Call{
		Type: masterpb.Call_UPDATE_MAINTENANCE_SCHEDULE.Enum(),
		UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: &maintenancepb.Schedule{
			Windows: []*maintenancepb.Window{{MachineIds: machine, Unavailability: &mesospb.Unavailability{
				Start: &mesospb.TimeInfo{Nanoseconds: proto.Int64(1)},
			}}},
		}},
	}
	down := &masterpb.Call{
		Type: masterpb.Call_START_MAINTENANCE.Enum(), StartMaintenance: &masterpb.Call_StartMaintenance{Machines: machine},
	}
	deactivate := &masterpb.Call{
		Type: masterpb.Call_DEACTIVATE_AGENT.Enum(), DeactivateAgent: &masterpb.Call_DeactivateAgent{SlaveId: id},
	}
	return map[string][]*masterpb.Call{
		"UPDATE_WEIGHTS": {{Type: masterpb.Call_UPDATE_WEIGHTS.Enum(), UpdateWeights: &masterpb.Call_UpdateWeights{
			WeightInfos: []*mesospb.WeightInfo{{Role: proto.String("r"), Weight: proto.Float64(2)}},
		}}},
		"UPDATE_QUOTA": {{Type: masterpb.Call_UPDATE_QUOTA.Enum(), UpdateQuota: &masterpb.Call_UpdateQuota{
			QuotaConfigs: []*quotapb.QuotaConfig{{Role: proto.String("r"), Limits: map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(1)}}}},
		}}},
		"UPDATE_MAINTENANCE_SCHEDULE": {schedule},
		"START_MAINTENANCE":           {schedule, down},
		"STOP_MAINTENANCE": {schedule, down, {
			Type: masterpb.Call_STOP_MAINTENANCE.Enum(), StopMaintenance: &masterpb.Call_StopMaintenance{Machines: machine},
		}},
		"DRAIN_AGENT":      {{Type: masterpb.Call_DRAIN_AGENT.Enum(), DrainAgent: &masterpb.Call_DrainAgent{SlaveId: id}}},
		"DEACTIVATE_AGENT": {deactivate},
		"REACTIVATE_AGENT": {deactivate, {
			Type: masterpb.Call_REACTIVATE_AGENT.Enum(), ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: id},
		}},
		"MARK_AGENT_GONE": {{Type: masterpb.Call_MARK_AGENT_GONE.Enum(), MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: id}}},
	}
}

// stepsDown are the ways in which a leader loses the others, so that nothing it writes can be agreed on.
var stepsDown = map[string]func(c *simcluster.Cluster, leader *simcluster.Master){
	"cut off": func(c *simcluster.Cluster, leader *simcluster.Master) {
		for _, m := range c.Masters {
			if m != leader {
				c.Partition(leader, m)
			}
		}
	},
	"not heard": func(c *simcluster.Cluster, leader *simcluster.Master) {
		for _, m := range c.Masters {
			if m != leader {
				c.World.PartitionOneWay(leader.Addr(), m.Addr())
			}
		}
	},
	"alone": func(c *simcluster.Cluster, leader *simcluster.Master) {
		for _, m := range c.Masters {
			if m != leader {
				m.Crash()
			}
		}
	},
}

// Every call that waits for the registry ends when its leader steps down: with an answer, or with the master's process. Then
// the next leader does what it is asked.
func TestWhatWaitsForTheRegistryEnds(t *testing.T) {
	t.Parallel()
	for how, stepDown := range stepsDown {
		probe := simcluster.New(t, simcluster.Config{Agents: 1, Masters: 3})
		for name := range writes(probe.Agents[0]) {
			t.Run(how+" "+name, func(t *testing.T) {
				t.Parallel()
				c := simcluster.New(t, simcluster.Config{Agents: 1, Masters: 3})
				leader, calls := c.Master, writes(c.Agents[0])[name]
				if !leader.Living() {
					t.Fatal("no master leads")
				}
				for _, call := range calls[:len(calls)-1] {
					asked := c.Operate(call)
					if c.Advance(time.Second); !asked.Done() {
						status, text := asked.Status()
						t.Fatalf("%s: %d %s", call.GetType(), status, text)
					}
				}
				stepDown(c, leader)
				asked := c.Operate(calls[len(calls)-1])
				c.Advance(time.Millisecond)
				if asked.Done() {
					t.Error("it is done although no other master has heard of it")
				}
				c.Advance(10 * time.Second)
				if status, _ := asked.Status(); status == 0 && leader.Living() || asked.Done() {
					t.Errorf("ten seconds after its master has lost the others, it is answered with %d", status)
				}
				c.World.HealAll()
				for _, m := range c.Masters {
					if !m.Living() {
						m.Start()
					}
				}
				c.Advance(time.Minute)
				if !c.Master.Living() {
					t.Fatal("no master leads")
				}
				again := c.Operate(calls[len(calls)-1])
				c.Advance(10 * time.Second)
				if status, text := again.Status(); !again.Done() {
					t.Errorf("the next leader answers %d %s", status, text)
				}
			})
		}
	}
}
