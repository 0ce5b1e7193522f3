package simcluster_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
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
func writes(a *simcluster.Agent) [][]*masterpb.Call {
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
	quota := &masterpb.Call{Type: masterpb.Call_SET_QUOTA.Enum(), SetQuota: &masterpb.Call_SetQuota{QuotaRequest: &quotapb.QuotaRequest{
		Role: proto.String("r"), Force: proto.Bool(true), Guarantee: []*mesospb.Resource{{
			Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
		}},
	}}}
	return [][]*masterpb.Call{
		{{Type: masterpb.Call_UPDATE_WEIGHTS.Enum(), UpdateWeights: &masterpb.Call_UpdateWeights{
			WeightInfos: []*mesospb.WeightInfo{{Role: proto.String("r"), Weight: proto.Float64(2)}},
		}}},
		{{Type: masterpb.Call_UPDATE_QUOTA.Enum(), UpdateQuota: &masterpb.Call_UpdateQuota{
			QuotaConfigs: []*quotapb.QuotaConfig{{Role: proto.String("r"), Limits: map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(1)}}}},
		}}},
		{quota},
		{quota, {Type: masterpb.Call_REMOVE_QUOTA.Enum(), RemoveQuota: &masterpb.Call_RemoveQuota{Role: proto.String("r")}}},
		{schedule},
		{schedule, down},
		{schedule, down, {
			Type: masterpb.Call_STOP_MAINTENANCE.Enum(), StopMaintenance: &masterpb.Call_StopMaintenance{Machines: machine},
		}},
		{{Type: masterpb.Call_DRAIN_AGENT.Enum(), DrainAgent: &masterpb.Call_DrainAgent{SlaveId: id}}},
		{deactivate},
		{deactivate, {
			Type: masterpb.Call_REACTIVATE_AGENT.Enum(), ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: id},
		}},
		{{Type: masterpb.Call_MARK_AGENT_GONE.Enum(), MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: id}}},
	}
}

// others are the calls that change something, and wait for no registry: for nothing, or for agents. Those whose names begin with GET_
// only read.
var others = []masterpb.Call_Type{
	masterpb.Call_UNKNOWN, masterpb.Call_SET_LOGGING_LEVEL, masterpb.Call_LIST_FILES, masterpb.Call_READ_FILE, masterpb.Call_SUBSCRIBE,
	masterpb.Call_RESERVE_RESOURCES, masterpb.Call_UNRESERVE_RESOURCES, masterpb.Call_CREATE_VOLUMES, masterpb.Call_DESTROY_VOLUMES,
	masterpb.Call_GROW_VOLUME, masterpb.Call_SHRINK_VOLUME, masterpb.Call_TEARDOWN,
}

// Every call that Mesos declares is among those that wait for the registry, of which each is tried below, or among those that
// do not.
func TestWhatWaitsForTheRegistryIsListed(t *testing.T) {
	t.Parallel()
	var listed []masterpb.Call_Type
	for _, calls := range writes(simcluster.New(t, simcluster.Config{Agents: 1}).Agents[0]) {
		listed = append(listed, lastOf(calls).GetType())
	}
	for number, name := range masterpb.Call_Type_name {
		kind := masterpb.Call_Type(number)
		waits, not := slices.Contains(listed, kind), strings.HasPrefix(name, "GET_") || slices.Contains(others, kind)
		if waits == not {
			t.Errorf("%s: waits for the registry %t, does not %t", name, waits, not)
		}
	}
}

// oldWrites are the requests of endpoints older than the operator API that wait for the registry, by the call that does the same.
func oldWrites(a *simcluster.Agent) map[string]func(*simcluster.Cluster) *simcluster.Asked {
	machine := fmt.Sprintf(`[{"hostname":%q,"ip":%q}]`, a.Machine().GetHostname(), a.Machine().GetIp())
	request := func(method, path, body string) func(*simcluster.Cluster) *simcluster.Asked {
		return func(c *simcluster.Cluster) *simcluster.Asked { return c.Request(method, path, body) }
	}
	return map[string]func(*simcluster.Cluster) *simcluster.Asked{
		"UPDATE_WEIGHTS": request("PUT", "/master/weights", `[{"role":"r","weight":2}]`),
		"SET_QUOTA":      request("POST", "/master/quota", `{"role":"r","force":true,"guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}`),
		"REMOVE_QUOTA":   request("DELETE", "/master/quota/r", ""),
		"UPDATE_MAINTENANCE_SCHEDULE": request("POST", "/master/maintenance/schedule",
			`{"windows":[{"machine_ids":`+machine+`,"unavailability":{"start":{"nanoseconds":1}}}]}`),
		"START_MAINTENANCE": request("POST", "/master/machine/down", machine),
		"STOP_MAINTENANCE":  request("POST", "/master/machine/up", machine),
	}
}

// oldOthers are the endpoints that wait for no registry: they only read, or make calls that are listed above.
var oldOthers = []string{
	"/master/api/v1", "/master/api/v1/scheduler", "/master/health", "/master/redirect", "/master/flags", "/master/frameworks", "/master/roles",
	"/master/slaves", "/master/state", "/master/state-summary", "/master/tasks", "/master/maintenance/status", "/master/create-volumes",
	"/master/destroy-volumes", "/master/reserve", "/master/unreserve", "/master/teardown",
}

// Every endpoint that the master has is among those that wait for the registry, of which each is tried below, or among those that do not.
func TestWhichEndpointsWaitForTheRegistryIsListed(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 1, Masters: 3})
	var listed []string
	for _, ask := range oldWrites(c.Agents[0]) {
		_, path, _ := strings.Cut(ask(c).What, " ")
		listed = append(listed, strings.TrimSuffix(path, "/r"))
	}
	help := c.Request("GET", "/help/master", "")
	c.Advance(time.Second)
	endpoints := regexp.MustCompile(`href="/help(/master/[^"]+)"`).FindAllStringSubmatch(help.Text(), -1)
	if len(endpoints) < len(oldOthers) {
		t.Fatalf("the master describes %d endpoints:\n%s", len(endpoints), help.Text())
	}
	for _, e := range endpoints {
		if waits, not := slices.Contains(listed, e[1]), slices.Contains(oldOthers, e[1]); waits == not {
			t.Errorf("%s: waits for the registry %t, does not %t", e[1], waits, not)
		}
	}
}

func lastOf(calls []*masterpb.Call) *masterpb.Call { return calls[len(calls)-1] }

// isDone is what a call is answered that has nothing left to do, if that is an error: nobody was told what has become of it, and
// what was on the disk of the next leader then counts.
var isDone = map[masterpb.Call_Type]string{
	masterpb.Call_REACTIVATE_AGENT:  "Agent is not deactivated",
	masterpb.Call_START_MAINTENANCE: "is not in DRAINING mode and cannot be brought down",
	masterpb.Call_STOP_MAINTENANCE:  "is not in DOWN mode and cannot be brought up",
	masterpb.Call_REMOVE_QUOTA:      "has no quota set",
	masterpb.Call_SET_QUOTA:         "already has quota",
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

// Every call, and every request of an older endpoint, that waits for the registry ends when its leader steps down: with an answer, or with
// the master's process. Then the next leader does what it is asked.
func TestWhatWaitsForTheRegistryEnds(t *testing.T) {
	t.Parallel()
	probe := simcluster.New(t, simcluster.Config{Agents: 1, Masters: 3}).Agents[0]
	for how, stepDown := range stepsDown {
		for i, calls := range writes(probe) {
			last := lastOf(calls).GetType()
			t.Run(how+" "+last.String(), func(t *testing.T) {
				t.Parallel()
				endsWhenTheLeaderStepsDown(t, stepDown, i, func(c *simcluster.Cluster) *simcluster.Asked {
					return c.Operate(lastOf(writes(c.Agents[0])[i]))
				})
			})
			if oldWrites(probe)[last.String()] == nil {
				continue
			}
			t.Run(how+" "+last.String()+" of old", func(t *testing.T) {
				t.Parallel()
				endsWhenTheLeaderStepsDown(t, stepDown, i, func(c *simcluster.Cluster) *simcluster.Asked {
					return oldWrites(c.Agents[0])[last.String()](c)
				})
			})
		}
	}
}

// endsWhenTheLeaderStepsDown has an operator ask a leader that steps down for what the last of some calls is about, and then the next leader.
func endsWhenTheLeaderStepsDown(t *testing.T, stepDown func(*simcluster.Cluster, *simcluster.Master), number int, ask func(*simcluster.Cluster) *simcluster.Asked) {
	c := simcluster.New(t, simcluster.Config{Agents: 1, Masters: 3})
	leader, calls := c.Master, writes(c.Agents[0])[number]
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
	asked := ask(c)
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
	again := ask(c)
	c.Advance(10 * time.Second)
	done := isDone[lastOf(calls).GetType()]
	if status, text := again.Status(); !again.Done() && (done == "" || !strings.Contains(text, done)) {
		t.Errorf("the next leader answers %d %s", status, text)
	}
}
