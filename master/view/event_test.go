package view_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master/view"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/masterv1pb"
)

// An event about an agent has the names of v1. It has the one field that v1 does not have only where the reference, which
// converts events, has it too: among the unknown fields of a protobuf, not in JSON.
func TestAgentAddedIsOfV1(t *testing.T) {
	t.Parallel()
	e := &masterpb.Event{
		Type: masterpb.Event_AGENT_ADDED.Enum(),
		AgentAdded: &masterpb.Event_AgentAdded{Agent: &masterpb.Response_GetAgents_Agent{
			AgentInfo: &mesospb.SlaveInfo{
				Id: &mesospb.SlaveID{Value: proto.String("S0")}, Hostname: proto.String("host"), Port: proto.Int32(5052), Checkpoint: proto.Bool(true),
			},
			Active: proto.Bool(true), Version: proto.String("1.12.0"), Pid: proto.String("slave(1)@10.0.0.3:5051"),
		}},
	}
	want := `{"type":"AGENT_ADDED","agent_added":{"agent":{"agent_info":{"hostname":"host","port":5052,"id":{"value":"S0"}},"active":true,` +
		`"version":"1.12.0","pid":"slave(1)@10.0.0.3:5051"}}}`
	if got := string(view.Event(mediatype.JSON, e)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	v1 := &masterv1pb.Event{}
	if err := proto.Unmarshal(view.Event(mediatype.Protobuf, e), v1); err != nil {
		t.Fatal(err)
	}
	info := v1.GetAgentAdded().GetAgent().GetAgentInfo()
	if info.GetHostname() != "host" || info.GetId().GetValue() != "S0" || len(info.ProtoReflect().GetUnknown()) == 0 {
		t.Errorf("got %v, want the checkpoint among its unknown fields", info)
	}
	if !e.GetAgentAdded().GetAgent().GetAgentInfo().GetCheckpoint() {
		t.Error("the event was changed")
	}
}

// Other events are written as they are, and equal what converting them would give.
func TestOtherEventsAreNotConverted(t *testing.T) {
	t.Parallel()
	e := &masterpb.Event{
		Type:         masterpb.Event_AGENT_REMOVED.Enum(),
		AgentRemoved: &masterpb.Event_AgentRemoved{AgentId: &mesospb.SlaveID{Value: proto.String("S0")}},
	}
	if got, want := string(view.Event(mediatype.JSON, e)), `{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"S0"}}}`; got != want {
		t.Errorf("got %s, want %s", strings.TrimSpace(got), want)
	}
}
