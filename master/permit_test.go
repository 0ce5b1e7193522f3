package master_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer/authorizertest"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// A framework is authorized as a whole. Authorizers that know of one role only get its role.
func TestFrameworksThatMayNotBe(t *testing.T) {
	t.Parallel()
	j := &authorizertest.Judge{}
	c := mastertest.New(t, mastertest.Config{Authorizer: j})
	j.Deny(authorizationpb.Action_REGISTER_FRAMEWORK)
	one := c.Client("one", mediatype.JSON)
	one.Subscribe(mastertest.Framework())
	if !one.Closed || one.Last(schedulerpb.Event_ERROR).GetError().GetMessage() != "Not authorized to register framework  with roles { * }" || !wasAsked(j, `value:"*"`) {
		t.Errorf("refused by %v, judging %v", one.Heard, j.About())
	}
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"a", "b"}
	several := c.Client("several", mediatype.JSON)
	several.Subscribe(info)
	if !several.Closed || j.About().Value != nil || !wasAsked(j, `roles:"b"`) {
		t.Errorf("refused by %v, judging %v", several.Heard, j.About())
	}
	j.Deny(authorizationpb.Action_UNKNOWN)
	several.Subscribe(info)
	j.Deny(authorizationpb.Action_REGISTER_FRAMEWORK)
	changed := proto.CloneOf(info)
	changed.Id, changed.Name = several.FrameworkID(), proto.String("new")
	r := several.Post(&schedulerpb.Call{
		Type: schedulerpb.Call_UPDATE_FRAMEWORK.Enum(), UpdateFramework: &schedulerpb.Call_UpdateFramework{FrameworkInfo: changed},
	})
	if want := "Not authorized to register framework " + several.FrameworkID().GetValue() + " with roles { a, b }"; r.Status != 403 || string(r.Body) != want {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// A framework is told which operations on its offers are not authorized.
func TestOperationsThatMayNotBe(t *testing.T) {
	t.Parallel()
	j := &authorizertest.Judge{}
	c := mastertest.New(t, mastertest.Config{Authorizer: j})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.Protobuf)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT)
	info.Role = proto.String("r")
	f.Subscribe(info)
	for i, d := range []struct {
		operation string // the beginning of the operation
		denied    authorizationpb.Action
		message   string
		asked     string
	}{
		{"LAUNCH ", authorizationpb.Action_RUN_TASK, "Principal '' no authorized to launch task t0-1 of framework M-0000 under user 'user'", `task_info:`},
		{"LAUNCH_GROUP ", authorizationpb.Action_RUN_TASK, "Task 't1-2' is not authorized tolaunch task t1-2 of framework M-0000 under user 'user'", `framework_info:`},
		{"RESERVE ", authorizationpb.Action_RESERVE_RESOURCES, "Principal '' no authorized to perform action RESERVE_RESOURCES on cpus(allocated: r)(reservations: [(DYNAMIC,r)]):0.5", `value:"r"`},
		{"UNRESERVE ", authorizationpb.Action_UNRESERVE_RESOURCES, "Principal '' no authorized to perform action UNRESERVE_RESOURCES on ANY object", ""},
		{"CREATE ", authorizationpb.Action_CREATE_VOLUME, "Principal '' no authorized to perform action CREATE_VOLUME on ", `value:"r"`},
		{"DESTROY ", authorizationpb.Action_UNKNOWN, "Persistent volumes not found", ""}, // the authorizer is not asked
		{"GROW_VOLUME ", authorizationpb.Action_RESIZE_VOLUME, "Principal '' no authorized to perform action RESIZE_VOLUME on ", `value:"r"`},
		{"SHRINK_VOLUME ", authorizationpb.Action_RESIZE_VOLUME, "Principal '' no authorized to perform action RESIZE_VOLUME on ", `value:"r"`},
		{"CREATE_DISK ", authorizationpb.Action_CREATE_MOUNT_DISK, "Principal '' no authorized to perform action CREATE_MOUNT_DISK on ", `value:"*"`},
		{"DESTROY_DISK ", authorizationpb.Action_DESTROY_MOUNT_DISK, "Principal '' no authorized to perform action DESTROY_MOUNT_DISK on ", `value:"*"`},
	} {
		c.Advance(2 * time.Second)
		for _, text := range goodOperations {
			if strings.HasPrefix(text, "type: "+d.operation) {
				j.Deny(d.denied)
				f.Accept(f.Offer(), goodOperation(t, text, mastertest.AgentID(agent).GetValue(), f.FrameworkID().GetValue(), i))
				break
			}
		}
		var message string
		if strings.HasPrefix(d.operation, "LAUNCH") {
			s := f.Last(schedulerpb.Event_UPDATE).GetUpdate().GetStatus()
			if message = s.GetMessage(); !strings.HasSuffix(s.GetReason().String(), "_UNAUTHORIZED") {
				t.Errorf("%s is refused by %v", d.operation, s)
			}
		} else {
			message = f.Last(schedulerpb.Event_UPDATE_OPERATION_STATUS).GetUpdateOperationStatus().GetStatus().GetMessage()
		}
		if message = strings.ReplaceAll(message, mastertest.ID, "M"); !strings.HasPrefix(message, d.message) || !wasAsked(j, d.asked) {
			t.Errorf("%s is refused with %q, judging %v", d.operation, message, j.About())
		}
	}
}

// An agent that reserves resources by itself needs permission to reserve in each role, whenever it registers.
//
// Mesos: ActionObject::agentRegistration.
func TestStaticReservationsAreAuthorized(t *testing.T) {
	t.Parallel()
	j := &authorizertest.Judge{}
	c := mastertest.New(t, mastertest.Config{Authorizer: j})
	register := func(addr, role string) *mastertest.Peer {
		p := c.Peer("agent", "slave(1)", addr)
		m := mastertest.Registration(addr)
		if role != "" {
			reserved := mastertest.Resource("cpus", 2)
			reserved.Role = &role
			m.Slave.Resources = append(m.Slave.Resources, reserved)
		}
		p.Say(m)
		c.Advance(time.Second)
		return p
	}
	j.Deny(authorizationpb.Action_RESERVE_RESOURCES)
	if register("10.0.0.2:5051", "dev"); agents(c) != 0 || !wasAsked(j, `"dev"`) && !wasAsked(j, "cpus") {
		t.Errorf("%d agents, judging %v", agents(c), j.About())
	}
	if register("10.0.0.3:5051", ""); agents(c) != 1 {
		t.Errorf("%d agents, of which one has no reservations", agents(c))
	}
	j.Deny(authorizationpb.Action_REGISTER_AGENT)
	if register("10.0.0.4:5051", "dev"); agents(c) != 1 {
		t.Errorf("%d agents, of which two may not be", agents(c))
	}
	j.Deny(authorizationpb.Action_UNKNOWN)
	p := register("10.0.0.5:5051", "dev")
	if agents(c) != 2 {
		t.Fatalf("%d agents, of which one may have reservations", agents(c))
	}
	j.Deny(authorizationpb.Action_RESERVE_RESOURCES)
	heard := len(p.Heard)
	again := returning(p, ids.AgentOf(mastertest.AgentID(p)), 1)
	reserved := mastertest.Resource("cpus", 2)
	reserved.Role = proto.String("dev")
	again.Slave.Resources = append(again.Slave.Resources, reserved)
	if p.Say(again); len(p.Heard) != heard {
		t.Errorf("the agent is registered again, and hears %v", p.Heard[heard:])
	}
}
