package master_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/book"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
)

// command makes a call of the operator API whose answer has no body.
func command(t *testing.T, c *mastertest.Cluster, call *masterpb.Call) (status int, text string) {
	t.Helper()
	answer, _ := ask(t, c, mediatype.Protobuf, typed(call))
	c.Advance(50 * time.Millisecond) // the master's messages have to arrive
	return answer.Status, string(answer.Body)
}

// typed returns a copy of a call with the type of the part that is set, unless it has one.
func typed(call *masterpb.Call) *masterpb.Call {
	call = proto.CloneOf(call)
	if call.Type != nil {
		return call
	}
	call.Type = masterpb.Call_Type(masterpb.Call_Type_value[typeOf(call)]).Enum()
	return call
}

// typeOf returns the type of a call by the part that is set.
func typeOf(call *masterpb.Call) string {
	fields := call.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if call.ProtoReflect().Has(fields.Get(i)) && fields.Get(i).Name() != "type" {
			return strings.ToUpper(string(fields.Get(i).Name()))
		}
	}
	return "UNKNOWN"
}

// obeyed fails the test unless the call is answered with 200 and an empty body.
func obeyed(t *testing.T, c *mastertest.Cluster, call *masterpb.Call) {
	t.Helper()
	if status, text := command(t, c, call); status != http.StatusOK || text != "" {
		t.Errorf("%v: %d %s", call, status, text)
	}
}

func refusedWith(t *testing.T, c *mastertest.Cluster, call *masterpb.Call, status int, text string) {
	t.Helper()
	if gotStatus, got := command(t, c, call); gotStatus != status || got != text {
		t.Errorf("%v: %d %q, not %d %q", call, gotStatus, got, status, text)
	}
}

func deactivation(c *mastertest.Cluster, agent ids.Agent) (active bool, s book.Deactivation) {
	c.Do(func(m *master.Master) {
		if a := m.Book().Agent(agent); a != nil {
			active = a.Active
		}
		s = m.Book().DeactivationOf(agent)
	})
	return active, s
}

const agent0 = ids.Agent(mastertest.ID + "-S0")

// A draining agent is not offered and loses its tasks. It is drained when the last of them is acknowledged. This
// survives a failover of the master, until the agent is reactivated.
func TestDrainAgent(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
	agent.Report(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_RUNNING, 1)
	f.Acknowledge(agent0.Proto(), "t", 1)

	drain := &masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: agent0.Proto()}}
	refusedWith(t, c, &masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: ids.Agent("x").Proto()}}, 400, "Unknown agent")
	refusedWith(t, c, &masterpb.Call{ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: agent0.Proto()}}, 400, "Agent is not deactivated")
	obeyed(t, c, drain)
	if msg := mastertest.Last[*internalpb.DrainSlaveMessage](agent); msg.GetConfig().GetMarkGone() {
		t.Errorf("the agent heard %v", msg)
	}
	refusedWith(t, c, &masterpb.Call{ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: agent0.Proto()}}, 400, "Agent is still in the DRAINING state")
	if active, s := deactivation(c, agent0); active || !s.IsDraining() {
		t.Errorf("active %t, %+v", active, s)
	}
	agent.Report(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_KILLED, 2)
	f.Acknowledge(agent0.Proto(), "t", 2)
	if _, s := deactivation(c, agent0); s.Drain.GetState() != mesospb.DrainState_DRAINED {
		t.Errorf("without tasks: %+v", s)
	}
	state := string(c.Get("/state").Body)
	if !strings.Contains(state, `"deactivated":true`) || !strings.Contains(state, `"drain_info":{"state":"DRAINED","config":{"mark_gone":false}}`) {
		t.Errorf("/state does not tell: %s", state)
	}

	c.Fail()
	c.Elect("2")
	c.Advance(time.Second)
	if _, s := deactivation(c, agent0); s.Drain.GetState() != mesospb.DrainState_DRAINED || !s.Deactivated {
		t.Errorf("after a failover: %+v", s)
	}
	info := mastertest.AgentInfo("10.0.0.2:5051")
	info.Id = agent0.Proto()
	agent.Say(&internalpb.ReregisterSlaveMessage{
		Slave: info, Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
	})
	if active, _ := deactivation(c, agent0); active {
		t.Error("the agent came back active")
	}
	obeyed(t, c, &masterpb.Call{ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: agent0.Proto()}})
	if active, s := deactivation(c, agent0); !active || s != (book.Deactivation{}) {
		t.Errorf("reactivated: active %t, %+v", active, s)
	}
}

// An agent that is drained with mark_gone is gone when it is empty, and is shut down.
func TestDrainAgentForGood(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	obeyed(t, c, &masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: agent0.Proto(), MarkGone: proto.Bool(true)}})
	if msg := mastertest.Last[*internalpb.ShutdownMessage](agent); msg.GetMessage() != "Agent has been marked gone" {
		t.Errorf("the agent heard %v", msg)
	}
	c.Do(func(m *master.Master) {
		if _, gone := m.Book().Gone(agent0); !gone || m.Book().Agent(agent0) != nil {
			t.Error("the agent is not gone")
		}
	})
}

// When an agent is gone, its tasks of frameworks that are not partition-aware are listed as unreachable, until the
// agent is forgotten.
func TestTasksOfGoneAgents(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) { c.RegistryMaxAgentAge = time.Hour }})
	c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
	obeyed(t, c, &masterpb.Call{MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: agent0.Proto()}})
	unreachable := func() (n int) {
		c.Do(func(m *master.Master) { n = len(m.Book().Frameworks()[0].UnreachableTasks()) })
		return n
	}
	if n := unreachable(); n != 1 {
		t.Errorf("%d unreachable tasks", n)
	}
	c.Advance(2 * time.Hour)
	if n := unreachable(); n != 0 {
		t.Errorf("%d unreachable tasks when the agent is forgotten", n)
	}
}

// The tasks of a gone agent are terminal, whether it was registered or unreachable.
func TestMarkAgentGone(t *testing.T) {
	t.Parallel()
	for _, unreachable := range []bool{false, true} {
		t.Run(fmt.Sprint("unreachable ", unreachable), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			agent := c.Agent("agent", "10.0.0.2:5051")
			f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework(mesospb.FrameworkInfo_Capability_PARTITION_AWARE))
			f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
			if unreachable {
				agent.Silent = true
				c.Advance(2 * time.Minute)
			}
			gone := &masterpb.Call{MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: agent0.Proto()}}
			obeyed(t, c, gone)
			last := mastertest.Last[*internalpb.StatusUpdateMessage](f).GetUpdate().GetStatus()
			if last.GetState() != mesospb.TaskState_TASK_GONE_BY_OPERATOR || last.GetReason() != mesospb.TaskStatus_REASON_SLAVE_REMOVED_BY_OPERATOR {
				t.Errorf("the scheduler heard %v", last)
			}
			obeyed(t, c, gone) // a second time
			refusedWith(t, c, &masterpb.Call{MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: ids.Agent("x").Proto()}}, 404, "Agent 'x' not found")
		})
	}
}

func window(machines ...*mesospb.MachineID) *maintenancepb.Schedule {
	return &maintenancepb.Schedule{Windows: []*maintenancepb.Window{{
		MachineIds: machines, Unavailability: &mesospb.Unavailability{Start: &mesospb.TimeInfo{Nanoseconds: proto.Int64(5)}},
	}}}
}

// A machine drains while it is in the schedule. When it goes down, its agents are shut down; they cannot register until
// it is up.
func TestMaintenance(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	machine := &mesospb.MachineID{Hostname: mastertest.AgentInfo("10.0.0.2:5051").Hostname, Ip: proto.String("10.0.0.2")}
	down := &masterpb.Call{StartMaintenance: &masterpb.Call_StartMaintenance{Machines: []*mesospb.MachineID{machine}}}
	up := &masterpb.Call{StopMaintenance: &masterpb.Call_StopMaintenance{Machines: []*mesospb.MachineID{machine}}}
	name := fmt.Sprintf(`{"hostname":"%s","ip":"10.0.0.2"}`, machine.GetHostname())
	refusedWith(t, c, down, 400, "Machine '"+name+"' is not part of a maintenance schedule")

	obeyed(t, c, &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: window(machine)}})
	mastertest.Last[*internalpb.RescindResourceOfferMessage](f)
	c.Advance(2 * time.Second)
	if got := f.Offer().GetUnavailability().GetStart().GetNanoseconds(); got != 5 {
		t.Errorf("the offer says that the agent will be away at %d", got)
	}
	if got := string(c.Get("/maintenance/status").Body); got != `{"draining_machines":[{"id":`+name+`}]}` {
		t.Errorf("status: %s", got)
	}
	refusedWith(t, c, up, 400, "Machine '"+name+"' is not in DOWN mode and cannot be brought up")

	obeyed(t, c, down)
	if msg := mastertest.Last[*internalpb.ShutdownMessage](agent); msg.GetMessage() != "Operator initiated 'Machine DOWN'" {
		t.Errorf("the agent heard %v", msg)
	}
	if got := string(c.Get("/maintenance/status").Body); got != `{"down_machines":[`+name+`]}` {
		t.Errorf("status: %s", got)
	}
	agent.Say(mastertest.Registration("10.0.0.2:5051"))
	if msg := mastertest.Last[*internalpb.ShutdownMessage](agent); msg.GetMessage() != "Machine is `DOWN`" {
		t.Errorf("the agent heard %v", msg)
	}

	c.Fail()
	c.Elect("2") // it knows the schedule from the registry
	refusedWith(t, c, &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: &maintenancepb.Schedule{}}},
		400, "Machine '"+name+"' is deactivated and cannot be removed from the schedule")
	obeyed(t, c, up)
	if got := string(c.Get("/maintenance/schedule").Body); got != "{}" {
		t.Errorf("schedule: %s", got)
	}
	agent.Say(mastertest.Registration("10.0.0.2:5051"))
	if got := mastertest.Last[*internalpb.SlaveRegisteredMessage](agent).GetSlaveId().GetValue(); got != "2-S0" {
		t.Errorf("the agent is %s", got)
	}
}

// Weights change for the given roles, and all offers are rescinded.
func TestWeights(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	weigh := func(role string, weight float64) *masterpb.Call {
		return &masterpb.Call{UpdateWeights: &masterpb.Call_UpdateWeights{
			WeightInfos: []*mesospb.WeightInfo{{Role: &role, Weight: &weight}},
		}}
	}
	obeyed(t, c, weigh("*", 2))
	mastertest.Last[*internalpb.RescindResourceOfferMessage](f)
	if answer := c.Request(http.MethodPut, "/weights", http.Header{}, []byte(`[{"role":" dev ","weight":3.5}]`)); answer.Status != 200 {
		t.Errorf("PUT /weights: %d %s", answer.Status, answer.Body)
	}
	if got := string(c.Get("/weights").Body); got != `[{"weight":2.0,"role":"*"},{"weight":3.5,"role":"dev"}]` {
		t.Errorf("weights: %s", got)
	}
	refusedWith(t, c, weigh("*", 0), 400, "Failed to validate update weights request JSON for role '*': Invalid weight '0': Weights must be positive")
	if answer := c.Request(http.MethodPut, "/weights", http.Header{}, []byte(`{`)); answer.Status != 400 {
		t.Errorf("PUT /weights of nonsense: %d", answer.Status)
	}
}

// Each way to tear down a framework works once.
func TestTeardownByOperator(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	g := c.Scheduler("g", "10.0.0.4:6000", mastertest.Framework())
	obeyed(t, c, &masterpb.Call{Teardown: &masterpb.Call_Teardown{FrameworkId: mastertest.FrameworkID(f)}})
	body := []byte("frameworkId=" + mastertest.FrameworkID(g).GetValue())
	for _, want := range []int{200, 400} {
		if answer := c.Post("/teardown", http.Header{}, body); answer.Status != want {
			t.Errorf("POST /teardown: %d %s", answer.Status, answer.Body)
		}
	}
	c.Do(func(m *master.Master) {
		if n := len(m.Book().Frameworks()); n != 0 {
			t.Errorf("%d frameworks are left", n)
		}
	})
}

// The allocator provides the filters of frameworks, and the registrar the contents of the registry.
func TestWhatPartnersTell(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	want := `{"frameworks":{"` + mastertest.ID + `-0000":{"suppressed_roles":[],"excluded_by_attribute_constraints":{"*":[]}}}}`
	if got := string(c.Get("/allocator/offer_constraints_debug").Body); got != want {
		t.Errorf("the allocator tells %s", got)
	}
	if got := string(c.Get("/registrar(1)/registry").Body); !strings.Contains(got, `"slaves":{"slaves":[{"deactivated":false,"info":{`) {
		t.Errorf("the registrar tells %s", got)
	}
}
