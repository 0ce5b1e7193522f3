package master_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// These operations can be applied to a usual agent, one after the other, by a framework in role r.
const (
	reserveDisk   = `type: RESERVE reserve { resources { name: "disk" type: SCALAR scalar { value: 512 } ` + toR + ` } }`
	createVolume  = `type: CREATE create { volumes { ` + volumeR + ` } }`
	growVolume    = `type: GROW_VOLUME grow_volume { volume { ` + volumeR + ` } addition { name: "disk" type: SCALAR scalar { value: 64 } ` + toR + ` } }`
	shrinkVolume  = `type: SHRINK_VOLUME shrink_volume { volume { ` + volumeR + ` } subtract { value: 28 } }`
	destroyVolume = `type: DESTROY destroy { volumes { ` + volumeR + ` } }`
	unreserveDisk = `type: UNRESERVE unreserve { resources { name: "disk" type: SCALAR scalar { value: 512 } ` + toR + ` } }`

	toR     = `reservations { type: DYNAMIC role: "r" }`
	volumeR = `name: "disk" type: SCALAR scalar { value: 128 } ` + toR + ` disk { persistence { id: "v" } volume { container_path: "v" mode: RW } }`
)

// inRoleR returns a cluster with an agent and a framework in role r that uses HTTP.
func inRoleR(t *testing.T, change func(*mesospb.FrameworkInfo)) (c *mastertest.Cluster, agent *mastertest.Peer, f *mastertest.Client) {
	t.Helper()
	c = mastertest.New(t, mastertest.Config{})
	agent = c.Agent("agent", "10.0.0.2:5051")
	f = c.Client("f", mediatype.JSON)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT, mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"r"}
	if change != nil {
		change(info)
	}
	f.Subscribe(info)
	return c, agent, f
}

// balanced returns an error unless an agent's total is the sum of what is used and offered of it, and the allocator agrees.
func balanced(t *testing.T, c *mastertest.Cluster, agent *mastertest.Peer) {
	t.Helper()
	c.Advance(1100 * time.Millisecond)
	c.Do(func(m *master.Master) {
		a := m.Book().Agent(ids.AgentOf(mastertest.AgentID(agent)))
		if sum := a.Used().Plus(a.Offered()).Unallocate(); !sum.Equal(a.Total) {
			t.Errorf("of %s, %s is used and %s offered", a.Total, a.Used(), a.Offered())
		}
	})
}

// Operations of one ACCEPT are sent in order, and each is applied to what the earlier ones made; a task can use it. The scheduler hears of the
// operation to which it gave an ID and acknowledges its status; the master acknowledges that of the other one.
func TestOperationsOnAnAgent(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	task := mastertest.Task("t", f.Offer())
	task.Resources = append(task.Resources, c.Operation("", createVolume).GetCreate().GetVolumes()...)
	f.Accept(f.Offer(), c.Operation("", reserveDisk), c.Operation("create", createVolume), mastertest.LaunchOperation(task))
	applied := agent.Applied()
	if len(applied) != 2 || applied[0].GetResourceVersionUuid().GetUuid() == nil || applied[1].GetFrameworkId() == nil {
		t.Fatalf("the agent was sent %v", applied)
	}
	if r := applied[1].GetOperationInfo().GetCreate().GetVolumes()[0]; r.GetAllocationInfo().GetRole() != "r" {
		t.Errorf("the agent was sent %v", r)
	}
	if text := operationsShown(c); strings.Count(text, `"latest_status":`) != 2 || strings.Count(text, "OPERATION_PENDING") != 2 {
		t.Errorf("GET_OPERATIONS answers %s", text)
	}
	agent.Say(agent.OperationStatus(applied[0], mesospb.OperationState_OPERATION_FINISHED, 1))
	agent.Say(agent.OperationStatus(applied[1], mesospb.OperationState_OPERATION_FINISHED, 2))
	c.Note("the agent repeats what was not acknowledged")
	agent.Say(agent.OperationStatus(applied[1], mesospb.OperationState_OPERATION_FINISHED, 2))
	f.AcknowledgeOperation(mastertest.AgentID(agent), "create", 2)
	balanced(t, c, agent)
	c.Do(func(m *master.Master) {
		if all := m.Book().Agents()[0].Operations(); len(all) > 0 {
			t.Errorf("%v are kept", all)
		}
	})
	c.Golden("operations")
}

// operationsShown returns the answer to GET_OPERATIONS.
func operationsShown(c *mastertest.Cluster) string {
	answer := c.Post("/api/v1", http.Header{"Content-Type": {"application/json"}}, []byte(`{"type":"GET_OPERATIONS"}`))
	return string(answer.Body)
}

// GET_OPERATIONS describes an operation that is finished and not acknowledged as Mesos does.
func TestGetOperations(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("op-unacked", reserveDisk))
	agent.Say(agent.OperationStatus(agent.Applied()[0], mesospb.OperationState_OPERATION_FINISHED, 1))
	text := operationsShown(c)
	recorded, err := os.ReadFile(filepath.Join(shared(t), "golden", "operations", "3-scheduler-unacked-GET_OPERATIONS.http"))
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(strings.ReplaceAll(string(recorded), "\r\n", "\n"), "\n\n")
	members := regexp.MustCompile(`"[a-z_]+":`)
	common := func(text string) []string {
		_, status, _ := strings.Cut(text, `"latest_status"`)
		return members.FindAllString(status, -1)
	}
	if got, want := common(text), common(want); !slices.Equal(got, want) {
		t.Errorf("GET_OPERATIONS has %v, not %v", got, want)
	}
}

// A volume grows, shrinks and ends. Nothing gets lost, and the new sizes are offered at once.
func TestVolumesAreResized(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("", reserveDisk), c.Operation("", createVolume))
	balanced(t, c, agent)
	f.Accept(f.Offer(), c.Operation("", growVolume), c.Operation("shrink", shrinkVolume)) // the second is dropped: the volume has another size
	balanced(t, c, agent)
	shrink := c.Operation("", shrinkVolume)
	shrink.ShrinkVolume.Volume.Scalar.Value = proto.Float64(192)
	f.Accept(f.Offer(), shrink)
	balanced(t, c, agent)
	destroy := c.Operation("", destroyVolume)
	destroy.Destroy.Volumes[0].Scalar.Value = proto.Float64(164)
	f.Accept(f.Offer(), destroy, c.Operation("", unreserveDisk))
	balanced(t, c, agent)
	c.Do(func(m *master.Master) {
		if a := m.Book().Agents()[0]; !a.Checkpointed.IsEmpty() {
			t.Errorf("%s is left", a.Checkpointed)
		}
	})
	c.Golden("operations-resize")
}

// An operation that never reached the agent is undone when the agent re-registers, and dropped when the agent says so. One that did
// is known to the agent and stays.
func TestOperationsThatGetLost(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("lost", reserveDisk))
	lost := agent.Applied()[0]
	id := mastertest.AgentID(agent)
	c.Note("the agent re-registers without it")
	registration := mastertest.Registration("10.0.0.2:5051")
	registration.Slave.Id = id
	agent.Say(&internalpb.ReregisterSlaveMessage{
		Slave: registration.Slave, Version: registration.Version, AgentCapabilities: registration.AgentCapabilities,
		ResourceVersionUuid: registration.ResourceVersionUuid,
	})
	agent.ReportOperations()
	agent.Say(&internalpb.UpdateOperationStatusMessage{
		SlaveId: id, OperationUuid: lost.OperationUuid,
		Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_DROPPED.Enum(), SlaveId: id},
	})
	c.Note("the agent repeats that")
	agent.Say(&internalpb.UpdateOperationStatusMessage{
		SlaveId: id, OperationUuid: lost.OperationUuid,
		Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_DROPPED.Enum(), SlaveId: id},
	})
	balanced(t, c, agent)
	c.Do(func(m *master.Master) {
		if a := m.Book().Agents()[0]; a.OperationCount() > 0 || !a.Checkpointed.IsEmpty() {
			t.Errorf("%v and %s are left", a.Operations(), a.Checkpointed)
		}
	})
	c.Golden("operations-lost")
}

// A new master learns of operations from agents, and of their frameworks later.
func TestOperationsOverAFailover(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("1", reserveDisk), c.Operation("2", createVolume), c.Operation("", growVolume))
	applied, id := agent.Applied(), mastertest.AgentID(agent)
	finished := agent.OperationStatus(applied[0], mesospb.OperationState_OPERATION_FINISHED, 1)
	c.Fail()
	c.Advance(time.Second)
	c.Elect("M2")
	registration := mastertest.Registration("10.0.0.2:5051")
	registration.Slave.Id = id
	agent.Say(&internalpb.ReregisterSlaveMessage{
		Slave: registration.Slave, Version: registration.Version, AgentCapabilities: registration.AgentCapabilities,
		ResourceVersionUuid:   registration.ResourceVersionUuid,
		CheckpointedResources: c.Operation("", reserveDisk).GetReserve().GetResources(),
	})
	agent.ReportOperations(agent.Reported(applied[0], finished), agent.Reported(applied[1]))
	c.Note("updates wait for their framework")
	agent.Say(finished)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT, mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Id, info.Roles = f.FrameworkID(), []string{"r"}
	f.Subscribe(info)
	f.ReconcileOperations(nil)
	agent.Say(finished)
	f.AcknowledgeOperation(id, "1", 1)
	c.Note("asked for some")
	f.ReconcileOperations(id, "1", "2", "3")
	balanced(t, c, agent)
	c.Golden("operations-failover")
}

// An acknowledgement crosses the report of the agent, which still has the operation. The master learns that it is over.
func TestAcknowledgementCrossesReport(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("1", reserveDisk))
	applied := agent.Applied()[0]
	finished := agent.OperationStatus(applied, mesospb.OperationState_OPERATION_FINISHED, 1)
	agent.Say(finished)
	f.AcknowledgeOperation(mastertest.AgentID(agent), "1", 1)
	agent.ReportOperations(agent.Reported(applied, finished))
	c.Note("the agent has forgotten it")
	agent.Say(agent.OperationStatus(applied, mesospb.OperationState_OPERATION_DROPPED, 0))
	c.Do(func(m *master.Master) {
		if n := m.Book().Agents()[0].OperationCount(); n > 0 {
			t.Errorf("%d operations are left", n)
		}
	})
	c.Golden("operations-crossing")
}

// The operations on an agent that is lost are lost with it; that is said once.
func TestOperationsOnALostAgent(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*mastertest.Cluster, *mastertest.Peer){
		"unreachable": func(c *mastertest.Cluster, agent *mastertest.Peer) {
			agent.Silent = true
			c.Advance(91 * time.Second)
		},
		"gone": func(c *mastertest.Cluster, agent *mastertest.Peer) {
			c.Do(func(m *master.Master) { m.MarkAgentGone(ids.AgentOf(mastertest.AgentID(agent))) })
			c.Advance(time.Second)
		},
		"unregistered": func(_ *mastertest.Cluster, agent *mastertest.Peer) {
			agent.Say(&internalpb.UnregisterSlaveMessage{SlaveId: mastertest.AgentID(agent)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, agent, f := inRoleR(t, nil)
			f.Accept(f.Offer(), c.Operation("1", reserveDisk), c.Operation("", createVolume))
			applied := agent.Applied()
			lose(c, agent)
			c.Note("the scheduler asks, and the agent sends a status in vain")
			f.ReconcileOperations(mastertest.AgentID(agent), "1")
			agent.Say(agent.OperationStatus(applied[0], mesospb.OperationState_OPERATION_FINISHED, 1))
			c.Golden("operations-" + name)
		})
	}
}

// When a framework ends, its operations are finished without it.
func TestOperationsOfARemovedFramework(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("1", reserveDisk), c.Operation("2", createVolume))
	applied := agent.Applied()
	agent.Say(agent.OperationStatus(applied[0], mesospb.OperationState_OPERATION_FINISHED, 1))
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	agent.Say(agent.OperationStatus(applied[0], mesospb.OperationState_OPERATION_FINISHED, 1))
	agent.Say(agent.OperationStatus(applied[1], mesospb.OperationState_OPERATION_FAILED, 0))
	c.Do(func(m *master.Master) {
		if all := m.Book().Agents()[0].Operations(); len(all) > 0 {
			t.Errorf("%v are left", all)
		}
	})
	c.Golden("operations-of-a-removed-framework")
}

// Acknowledgements that make no sense are counted and not passed on.
func TestAcknowledgementsOfOperationsAreChecked(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("1", reserveDisk))
	id := mastertest.AgentID(agent)
	f.AcknowledgeOperation(id, "1", 1)                          // it has no status
	f.AcknowledgeOperation(id, "2", 1)                          // it is unknown
	f.AcknowledgeOperation(ids.Agent("nobody").Proto(), "1", 1) // the agent is unknown
	agent.Say(agent.OperationStatus(agent.Applied()[0], mesospb.OperationState_OPERATION_FINISHED, 2))
	f.AcknowledgeOperation(id, "1", 1) // of another status
	if acks := mastertest.All[*internalpb.AcknowledgeOperationStatusMessage](agent); len(acks) > 0 {
		t.Errorf("the agent heard %v", acks)
	}
	f.AcknowledgeOperation(id, "1", 2)
	c.Do(func(m *master.Master) {
		if n := m.Counts().OperationAcknowledgements; n.Invalid != 4 || n.Valid != 1 {
			t.Errorf("counted %+v", n)
		}
	})
}

// An agent drains until its last operation is over.
func TestDrainingWaitsForOperations(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	f.Accept(f.Offer(), c.Operation("1", reserveDisk))
	id := ids.AgentOf(mastertest.AgentID(agent))
	drained := func() (yes bool) {
		c.Do(func(m *master.Master) {
			yes = m.Book().Agent(id).Drain.GetState() == mesospb.DrainState_DRAINED
		})
		return yes
	}
	c.Do(func(m *master.Master) { m.DrainAgent(id, &mesospb.DrainConfig{}) })
	c.Advance(time.Second)
	agent.Say(agent.OperationStatus(agent.Applied()[0], mesospb.OperationState_OPERATION_FINISHED, 1))
	if drained() {
		t.Error("the agent has drained before the operation's status is acknowledged")
	}
	f.AcknowledgeOperation(id.Proto(), "1", 1)
	c.Advance(time.Second)
	if !drained() {
		t.Error("the agent has not drained")
	}
}

// Operations on the disks of resource providers, which no agent has, are refused in Mesos's words.
func TestOperationsOnDisksOfProviders(t *testing.T) {
	t.Parallel()
	const raw = `source { name: "disk" type: SCALAR scalar { value: 9 } %s disk { source { type: RAW %s } } }`
	for text, want := range map[string]string{
		`type: CREATE_DISK create_disk { ` + fmt.Sprintf(raw, "", "") + ` target_type: MOUNT }`:                           "'source' is not managed by a resource provider",
		`type: DESTROY_DISK destroy_disk { ` + fmt.Sprintf(raw, "", "") + ` }`:                                            "'source' is not managed by a resource provider",
		`type: CREATE_DISK create_disk { ` + fmt.Sprintf(raw, `provider_id { value: "p" }`, "") + ` target_type: MOUNT }`: "'target_profile' must be set when 'source' has no profile",
		`type: DESTROY_DISK destroy_disk { ` + fmt.Sprintf(raw, `provider_id { value: "p" }`, "") + ` }`:                  "'source' is not backed by a CSI volume",
	} {
		c, agent, f := inRoleR(t, nil)
		f.Accept(f.Offer(), c.Operation("1", text))
		s := f.Last(schedulerpb.Event_UPDATE_OPERATION_STATUS).GetUpdateOperationStatus().GetStatus()
		want += "; on agent " + mastertest.AgentID(agent).GetValue() + " at slave(1)@10.0.0.2:5051 (10.0.0.2)"
		if s.GetState() != mesospb.OperationState_OPERATION_ERROR || s.GetMessage() != want || s.Uuid != nil {
			t.Errorf("%s is answered %s %q, not %q", text, s.GetState(), s.GetMessage(), want)
		}
		c, agent, f = inRoleR(t, nil)
		f.Accept(f.Offer(), c.Operation("1", strings.NewReplacer("type: RAW", `type: RAW id: "i" profile: "p"`).Replace(text)))
		s = f.Last(schedulerpb.Event_UPDATE_OPERATION_STATUS).GetUpdateOperationStatus().GetStatus()
		if s.GetState() != mesospb.OperationState_OPERATION_ERROR || len(agent.Applied()) > 0 {
			t.Errorf("%s of a disk with an ID and a profile is answered %v", text, s)
		}
		balanced(t, c, agent)
	}
}
