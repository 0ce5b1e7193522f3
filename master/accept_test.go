package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// An agent without RESOURCE_PROVIDER: the operations of one ACCEPT are applied in order, each to what the earlier ones
// left or made.
func TestOperationsOnAnOldAgent(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	registration := mastertest.Registration("10.0.0.2:5051")
	registration.AgentCapabilities = registration.AgentCapabilities[:3] // no RESOURCE_PROVIDER
	agent.Say(registration)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT)
	info.Role = proto.String("r")
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	offer := f.Offer()
	framework, id := mastertest.FrameworkID(f).GetValue(), offer.GetSlaveId().GetValue()
	call := &schedulerpb.Call_Accept{OfferIds: []*mesospb.OfferID{offer.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)}}
	for i, text := range []string{
		`type: RESERVE reserve { resources { $CPU $RESERVED } resources { $DISK $RESERVED } }`,
		`type: RESERVE reserve { resources { name: "cpus" type: SCALAR scalar { value: 64 } $RESERVED } }`, // dropped
		`type: CREATE create { volumes { $VOLUME } }`,
		`type: LAUNCH launch { task_infos { $TASK command { value: "true" } resources { $VOLUME } } }`,
		`type: UNRESERVE unreserve { resources { $CPU $RESERVED } }`,
		`type: UNRESERVE unreserve { resources { $DISK $RESERVED } }`, // dropped: a task uses its volume
	} {
		call.Operations = append(call.Operations, goodOperation(t, text, id, framework, i))
	}
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: call})
	c.Advance(2 * time.Second)

	told := mastertest.All[*internalpb.CheckpointResourcesMessage](agent)
	if len(told) != 3 || len(told[0].GetResources()) != 2 || len(told[2].GetResources()) != 1 {
		t.Errorf("the agent was told %v", told)
	}
	if runs := mastertest.All[*internalpb.RunTaskMessage](agent); len(runs) != 1 {
		t.Errorf("%d tasks run", len(runs))
	}
	c.Do(func(m *master.Master) {
		a := m.Book().Agents()[0]
		if a.Total.PersistentVolumes().IsEmpty() || a.Checkpointed.Len() != 1 {
			t.Errorf("the agent has %s, of which it remembers %s", a.Total, a.Checkpointed)
		}
		if !a.Used().Plus(a.Offered()).Unallocate().Equal(a.Total) {
			t.Errorf("of %s, %s is used and %s offered again", a.Total, a.Used(), a.Offered())
		}
	})
	c.Golden("operations-on-an-old-agent")
}
