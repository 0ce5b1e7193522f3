package evolve_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/messages/evolve"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/masterpb"
	_ "meseta/messages/pb/v1/agentv1pb"
	_ "meseta/messages/pb/v1/masterv1pb"
)

// Answers and events of v0 are written with the names of v1 without conversion. That is right only if v1 has each of
// their fields. It lacks one, which GET_AGENTS and the state that subscribers begin with show nevertheless; GET_AGENT and
// AGENT_ADDED, which are converted, do not.
func TestAnswersHaveTheFieldsOfV1(t *testing.T) {
	t.Parallel()
	seen := map[protoreflect.FullName]bool{}
	var lacks []protoreflect.FullName
	var walk func(protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || m.IsMapEntry() {
			return
		}
		seen[m.FullName()] = true
		namesake, err := protoregistry.GlobalFiles.FindDescriptorByName(evolve.NameInV1(m.FullName()))
		if err != nil {
			t.Fatalf("%s has no namesake: %v", m.FullName(), err)
		}
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if namesake.(protoreflect.MessageDescriptor).Fields().ByNumber(f.Number()) == nil {
				lacks = append(lacks, f.FullName())
			} else if f.Message() != nil {
				walk(f.Message())
			}
		}
	}
	for _, m := range []proto.Message{&agentpb.Response{}, &masterpb.Response{}, &masterpb.Event{}} {
		walk(m.ProtoReflect().Descriptor())
	}
	if want := []protoreflect.FullName{"mesos.SlaveInfo.checkpoint"}; !slices.Equal(lacks, want) {
		t.Errorf("v1 lacks %v, want %v", lacks, want)
	}
}
