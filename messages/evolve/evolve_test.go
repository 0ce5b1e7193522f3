package evolve_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	"meseta/messages/evolve"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	_ "meseta/messages/pb/v1/agentv1pb"
	_ "meseta/messages/pb/v1/allocatorv1pb"
	_ "meseta/messages/pb/v1/executorv1pb"
	_ "meseta/messages/pb/v1/maintenancev1pb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	_ "meseta/messages/pb/v1/quotav1pb"
	_ "meseta/messages/pb/v1/resourceproviderv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"

	_ "meseta/messages/pb/agentpb"
	_ "meseta/messages/pb/allocatorpb"
	_ "meseta/messages/pb/executorpb"
	_ "meseta/messages/pb/maintenancepb"
	_ "meseta/messages/pb/quotapb"
	_ "meseta/messages/pb/resourceproviderpb"
)

// byHand lists the fields, by their names in v0, that do not agree on the wire and are converted by code.
var byHand = map[protoreflect.FullName]bool{
	"mesos.scheduler.Call.Subscribe.force":             true,
	"mesos.scheduler.Call.Subscribe.suppressed_roles":  true,
	"mesos.scheduler.Call.Subscribe.offer_constraints": true,
	"mesos.master.Call.DrainAgent.max_grace_period":    true,
}

// Every field number means the same in both messages of each pair of namesakes.
func TestNamesakesAgreeOnTheWire(t *testing.T) {
	t.Parallel()
	pairs := 0
	protoregistry.GlobalTypes.RangeMessages(func(v0 protoreflect.MessageType) bool {
		name := v0.Descriptor().FullName()
		if !strings.HasPrefix(string(name), "mesos.") || strings.HasPrefix(string(name), "mesos.v1.") {
			return true
		}
		v1, err := protoregistry.GlobalTypes.FindMessageByName(evolve.NameInV1(name))
		if err != nil {
			return true // internal to v0
		}
		pairs++
		for i := range v0.Descriptor().Fields().Len() {
			compareField(t, v0.Descriptor().Fields().Get(i), v1.Descriptor())
		}
		return true
	})
	if pairs < 300 {
		t.Errorf("found only %d pairs", pairs)
	}
}

// onlyV0 lists the fields that v1 lacks.
var onlyV0 = map[protoreflect.FullName]bool{"mesos.SlaveInfo.checkpoint": true}

// mesosjson.AppendV1 gives each field and enum value of v0 the name it has in v1, in the same position. Events
// therefore need not be evolved to be written.
func TestNamesakesAreCalledTheSame(t *testing.T) {
	t.Parallel()
	protoregistry.GlobalTypes.RangeMessages(func(v0 protoreflect.MessageType) bool {
		name := v0.Descriptor().FullName()
		v1, err := protoregistry.GlobalTypes.FindMessageByName(evolve.NameInV1(name))
		if err != nil || v1.Descriptor() == v0.Descriptor() || name == "mesos.scheduler.Call.Subscribe" {
			return true
		}
		var before, after []string
		for i := range v0.Descriptor().Fields().Len() {
			if field := v0.Descriptor().Fields().Get(i); !onlyV0[field.FullName()] {
				before = append(before, names(mesosjson.V1, field)...)
			}
		}
		for i := range v1.Descriptor().Fields().Len() {
			after = append(after, names(mesosjson.V0, v1.Descriptor().Fields().Get(i))...)
		}
		if !slices.Equal(before, after) {
			t.Errorf("%s has %q, but in v1 %q", name, before, after)
		}
		return true
	})
}

// names returns the names of a field and of its possible values, as they are written.
func names(n mesosjson.Names, field protoreflect.FieldDescriptor) []string {
	all := []string{n.Field(field.Name())}
	if field.Enum() != nil {
		for i := range field.Enum().Values().Len() {
			value := field.Enum().Values().Get(i)
			table := map[int32]string{int32(value.Number()): string(value.Name())}
			all = append(all, string(n.AppendEnum(nil, int32(value.Number()), table)))
		}
	}
	return all
}

// TestV1IsReadAsV0 reads every value of every enum by its name in v1.
func TestV1IsReadAsV0(t *testing.T) {
	t.Parallel()
	for number, name := range mesosv1pb.TaskStatus_Reason_name {
		text := `{"task_id":{"value":"t"},"state":"TASK_LOST","agent_id":{"value":"a"},"source":"SOURCE_AGENT","reason":"` + name + `"}`
		v0 := &mesospb.TaskStatus{}
		if err := mesosjson.UnmarshalV1([]byte(text), v0); err != nil {
			t.Fatal(err)
		}
		if v0.Reason == nil || int32(v0.GetReason()) != number || v0.GetSource() != mesospb.TaskStatus_SOURCE_SLAVE || v0.GetSlaveId().GetValue() != "a" {
			t.Errorf("%s is read as %v", text, v0)
		}
		if again := string(mesosjson.AppendV1(nil, v0)); strings.Contains(strings.ToLower(again), "slave") {
			t.Errorf("wrote %s", again)
		}
	}
	old := &mesospb.TaskStatus{}
	err := mesosjson.UnmarshalV1([]byte(`{"task_id":{},"state":"TASK_LOST","slave_id":{"value":"a"},"source":"SOURCE_SLAVE","agent_id":{}}`), old)
	if old.Source != nil || err == nil || err.Error() != "Missing required fields: task_id.value, agent_id.value" {
		t.Errorf("names of v0 are read as %v: %v", old, err)
	}
}

func compareField(t *testing.T, v0 protoreflect.FieldDescriptor, message protoreflect.MessageDescriptor) {
	t.Helper()
	v1 := message.Fields().ByNumber(v0.Number())
	if v1 == nil || byHand[v0.FullName()] {
		return
	}
	if v0.Kind() != v1.Kind() || v0.Cardinality() != v1.Cardinality() {
		t.Errorf("%s is %v %v, but %v %v in v1", v0.FullName(), v0.Cardinality(), v0.Kind(), v1.Cardinality(), v1.Kind())
	}
	if v0.Message() != nil && evolve.NameInV1(v0.Message().FullName()) != v1.Message().FullName() {
		t.Errorf("%s is a %s, but a %s in v1", v0.FullName(), v0.Message().FullName(), v1.Message().FullName())
	}
	if v0.Enum() == nil {
		return
	}
	for i := range v0.Enum().Values().Len() {
		value := v0.Enum().Values().Get(i)
		if v1.Enum().Values().ByNumber(value.Number()) == nil {
			t.Errorf("%s of %s has no number in v1", value.Name(), v0.FullName())
		}
	}
}

func TestOffersEvolveAndDevolve(t *testing.T) {
	t.Parallel()
	v0 := &mesospb.Offer{SlaveId: &mesospb.SlaveID{Value: proto.String("a1")}, Hostname: proto.String("h")}
	v1 := evolve.Evolve[mesosv1pb.Offer](v0)
	if v1.GetAgentId().GetValue() != "a1" || v1.GetHostname() != "h" {
		t.Errorf("got %v", v1)
	}
	if back := evolve.Devolve[mesospb.Offer](v1); !proto.Equal(back, v0) {
		t.Errorf("came back as %v", back)
	}
}

func TestWhatOneSideLacksSurvives(t *testing.T) {
	t.Parallel()
	v0 := &mesospb.SlaveInfo{Hostname: proto.String("h"), Checkpoint: proto.Bool(true)}
	if back := evolve.Devolve[mesospb.SlaveInfo](evolve.Evolve[mesosv1pb.AgentInfo](v0)); !proto.Equal(back, v0) {
		t.Errorf("came back as %v", back)
	}
}

func TestSubscribeIsConvertedByHand(t *testing.T) {
	t.Parallel()
	group := &schedulerv1pb.OfferConstraints_RoleConstraints{}
	v1 := &schedulerv1pb.Call{
		Type:        schedulerv1pb.Call_SUBSCRIBE.Enum(),
		FrameworkId: &mesosv1pb.FrameworkID{Value: proto.String("f")},
		Subscribe: &schedulerv1pb.Call_Subscribe{
			FrameworkInfo:   &mesosv1pb.FrameworkInfo{User: proto.String("u"), Name: proto.String("n")},
			SuppressedRoles: []string{"r1", "r2"},
			OfferConstraints: &schedulerv1pb.OfferConstraints{
				RoleConstraints: map[string]*schedulerv1pb.OfferConstraints_RoleConstraints{"r1": group},
			},
		},
	}
	original := proto.Clone(v1)
	v0 := evolve.Devolve[schedulerpb.Call](v1)
	subscribe := v0.GetSubscribe()
	if len(subscribe.GetSuppressedRoles()) != 2 || len(subscribe.GetOfferConstraints().GetRoleConstraints()) != 1 ||
		subscribe.Force != nil || subscribe.GetFrameworkInfo().GetUser() != "u" {
		t.Errorf("devolved to %v", v0)
	}
	subscribe.Force = proto.Bool(true)
	if back := evolve.Evolve[schedulerv1pb.Call](v0); !proto.Equal(back, original) || !proto.Equal(v1, original) {
		t.Errorf("came back as %v; the original is %v", back, v1)
	}
}

func TestGracePeriodsOfDrainingAreConvertedByHand(t *testing.T) {
	t.Parallel()
	v1 := &masterv1pb.Call{
		Type: masterv1pb.Call_DRAIN_AGENT.Enum(),
		DrainAgent: &masterv1pb.Call_DrainAgent{
			AgentId:        &mesosv1pb.AgentID{Value: proto.String("a1")},
			MaxGracePeriod: &durationpb.Duration{Seconds: 90, Nanos: 5},
		},
	}
	v0 := evolve.Devolve[masterpb.Call](v1)
	if v0.GetDrainAgent().GetMaxGracePeriod().GetNanoseconds() != 90e9+5 ||
		v0.GetDrainAgent().GetSlaveId().GetValue() != "a1" {
		t.Errorf("devolved to %v", v0)
	}
	if back := evolve.Evolve[masterv1pb.Call](v0); !proto.Equal(back, v1) {
		t.Errorf("came back as %v", back)
	}
}

func TestListsAreConverted(t *testing.T) {
	t.Parallel()
	ids := []*mesospb.TaskID{{Value: proto.String("a")}, {Value: proto.String("b")}}
	got := evolve.All(ids, evolve.Evolve[mesosv1pb.TaskID])
	if len(got) != 2 || got[1].GetValue() != "b" || evolve.All(ids[:0:0], evolve.Evolve[mesosv1pb.TaskID]) == nil {
		t.Errorf("got %v", got)
	}
}

func TestOnlyNamesakesAreConverted(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a task id became an offer id")
		}
	}()
	evolve.Evolve[mesosv1pb.OfferID](&mesospb.TaskID{})
}
