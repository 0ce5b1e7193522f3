package operations_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

func parse[M proto.Message](t *testing.T, text string, m M) M {
	t.Helper()
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

const reserved = `name: "disk" type: SCALAR scalar { value: 8 } reservations { type: DYNAMIC role: "r" }`

// Every type of operation but launches has resources, and all of these are the messages in the operation.
func TestResources(t *testing.T) {
	t.Parallel()
	for kind, text := range map[mesospb.Offer_Operation_Type]string{
		mesospb.Offer_Operation_RESERVE:       `reserve { resources { ` + reserved + ` } source { ` + reserved + ` } }`,
		mesospb.Offer_Operation_UNRESERVE:     `unreserve { resources { ` + reserved + ` } }`,
		mesospb.Offer_Operation_CREATE:        `create { volumes { ` + reserved + ` } }`,
		mesospb.Offer_Operation_DESTROY:       `destroy { volumes { ` + reserved + ` } }`,
		mesospb.Offer_Operation_GROW_VOLUME:   `grow_volume { volume { ` + reserved + ` } addition { ` + reserved + ` } }`,
		mesospb.Offer_Operation_SHRINK_VOLUME: `shrink_volume { volume { ` + reserved + ` } subtract { value: 1 } }`,
		mesospb.Offer_Operation_CREATE_DISK:   `create_disk { source { ` + reserved + ` } target_type: MOUNT }`,
		mesospb.Offer_Operation_DESTROY_DISK:  `destroy_disk { source { ` + reserved + ` } }`,
	} {
		op := parse(t, `type: `+kind.String()+` `+text, &mesospb.Offer_Operation{})
		rs := operations.Resources(op)
		if len(rs) == 0 || operations.Provider(op) != nil {
			t.Fatalf("%v has %v of %v", kind, rs, operations.Provider(op))
		}
		if _, err := operations.Consumed(op); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
		rs[len(rs)-1].ProviderId = &mesospb.ResourceProviderID{Value: proto.String("p")}
		if operations.Provider(op).GetValue() != "p" {
			t.Errorf("%v is not of the provider", kind)
		}
	}
	if launch := (&mesospb.Offer_Operation{Type: mesospb.Offer_Operation_LAUNCH.Enum()}); operations.Resources(launch) != nil {
		t.Error("a launch has resources of its own")
	}
}

func TestConsumed(t *testing.T) {
	t.Parallel()
	op := parse(t, `type: RESERVE reserve { resources { `+reserved+` } }`, &mesospb.Offer_Operation{})
	consumed, err := operations.Consumed(op)
	if err != nil || consumed.String() != "disk:8" {
		t.Errorf("%s, %v", consumed, err)
	}
	if _, err := operations.Consumed(&mesospb.Offer_Operation{Type: mesospb.Offer_Operation_LAUNCH.Enum()}); err == nil {
		t.Error("a launch consumes resources")
	}
}

// Every state is terminal or not as in reference/operation-states.tsv; terminal ones are final.
func TestTerminalStatesAreFinal(t *testing.T) {
	t.Parallel()
	info := parse(t, `type: RESERVE id { value: "x" } reserve { resources { `+reserved+` } }`, &mesospb.Offer_Operation{})
	terminal := 0
	for state := range mesospb.OperationState_name {
		op := operations.New(info, ids.UUID{1}, "f", ids.Agent("a").Proto())
		if got := operations.LastStatus(op); got.GetState() != mesospb.OperationState_OPERATION_PENDING || got.GetOperationId().GetValue() != "x" {
			t.Fatalf("a new operation has status %v", got)
		}
		first := status(mesospb.OperationState(state), 1)
		once := operations.Updated(op, first)
		twice := operations.Updated(once, first)
		other := operations.Updated(twice, status(mesospb.OperationState_OPERATION_FAILED, 2))
		if len(op.GetStatuses()) != 0 || len(once.GetStatuses()) != 1 || len(twice.GetStatuses()) != 1 || len(other.GetStatuses()) != 2 {
			t.Errorf("%v: %v, then %v, then %v", state, once, twice, other)
		}
		final := other.GetLatestStatus().GetState() == mesospb.OperationState(state)
		if failed := mesospb.OperationState(state) == mesospb.OperationState_OPERATION_FAILED; !failed && final != operations.IsTerminal(mesospb.OperationState(state)) {
			t.Errorf("%v became %v", mesospb.OperationState(state), other.GetLatestStatus())
		}
		if operations.IsTerminal(mesospb.OperationState(state)) {
			terminal++
		}
	}
	if terminal != 5 {
		t.Errorf("%d states are terminal, not 5", terminal)
	}
}

func status(state mesospb.OperationState, id byte) *internalpb.UpdateOperationStatusMessage {
	return &internalpb.UpdateOperationStatusMessage{
		Status: &mesospb.OperationStatus{State: state.Enum(), Uuid: &mesospb.UUID{Value: ids.UUID{id}.Bytes()}},
	}
}

// The latest status counts, not the one that is reported.
func TestLatestStatusCounts(t *testing.T) {
	t.Parallel()
	info := parse(t, `type: RESERVE reserve { resources { `+reserved+` } }`, &mesospb.Offer_Operation{})
	update := status(mesospb.OperationState_OPERATION_PENDING, 1)
	update.LatestStatus = status(mesospb.OperationState_OPERATION_FINISHED, 2).Status
	op := operations.Updated(operations.New(info, ids.UUID{1}, "", ids.Agent("a").Proto()), update)
	if op.FrameworkId != nil || operations.LastStatus(op).GetState() != mesospb.OperationState_OPERATION_FINISHED {
		t.Errorf("it is %v", op)
	}
}
