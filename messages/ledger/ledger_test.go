package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ledger"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

func operation(t *testing.T, text string) *mesospb.Offer_Operation {
	t.Helper()
	op := &mesospb.Offer_Operation{}
	if err := prototext.Unmarshal([]byte(text), op); err != nil {
		t.Fatal(err)
	}
	return op
}

// random returns an operation on a disk or on cpus. It may or may not be possible.
func random(t *testing.T, r *rand.Rand) *mesospb.Offer_Operation {
	t.Helper()
	const reserved = `type: SCALAR scalar { value: %d } reservations { type: DYNAMIC role: "%s" }`
	name, role, n := []string{"cpus", "disk"}[r.IntN(2)], []string{"a", "b"}[r.IntN(2)], 1+r.IntN(3)
	what := fmt.Sprintf(`resources { name: "%s" `+reserved+` }`, name, n, role)
	volume := fmt.Sprintf(`volumes { name: "disk" `+reserved+` disk { persistence { id: "v%d" } volume { container_path: "x" mode: RW } } }`,
		n, role, r.IntN(2))
	return operation(t, []string{
		`type: RESERVE reserve { ` + what + ` }`, `type: UNRESERVE unreserve { ` + what + ` }`,
		`type: CREATE create { ` + volume + ` }`, `type: DESTROY destroy { ` + volume + ` }`,
	}[r.IntN(4)])
}

// After any operations, a ledger that applied each of them equals one made from the agent's checkpointed resources. No
// operation changes amounts, and one that fails changes nothing.
func TestMasterAndAgentAgree(t *testing.T) {
	t.Parallel()
	started, err := resources.Parse("cpus:4;mem:1024;disk:8;ports:[1-9]", "*")
	if err != nil {
		t.Fatal(err)
	}
	applied, refused := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		master := ledger.New(started.Proto(), nil, nil)
		for range 30 {
			op, before := random(t, r), master
			conversions, err := resources.ConversionsOf(op)
			if err != nil {
				t.Fatal(err)
			}
			if err := master.Apply(conversions...); err == nil {
				applied++
			} else if refused++; !master.Total.Equal(before.Total) || !master.Checkpointed.Equal(before.Checkpointed) {
				t.Fatalf("seed %d: %v failed, and %s is %s", seed, op, before.Total, master.Total)
			}
			agent := ledger.New(started.Proto(), master.Checkpointed.Proto(), nil)
			if !agent.Total.Equal(master.Total) || !agent.Checkpointed.Equal(master.Checkpointed) {
				t.Fatalf("seed %d, after %v: the agent has %s, the master thinks %s", seed, op, agent.Total, master.Total)
			}
			if got, want := fmt.Sprint(master.Total.Quantities()), fmt.Sprint(started.Quantities()); got != want {
				t.Fatalf("seed %d, after %v: there is %s of %s", seed, op, got, want)
			}
			if agent.Lacks(master.Total.Allocate("a")) {
				t.Fatalf("seed %d: the agent does not know its own", seed)
			}
		}
	}
	if applied < 500 || refused < 500 {
		t.Errorf("%d operations were applied and %d refused", applied, refused)
	}
}

func TestUnknownReservationsAreLacking(t *testing.T) {
	t.Parallel()
	l := ledger.New([]*mesospb.Resource{}, nil, nil)
	op := operation(t, `type: RESERVE reserve { resources { name: "cpus" type: SCALAR scalar { value: 1 } reservations { type: DYNAMIC role: "a" } } }`)
	if used := resources.FromValid(op.GetReserve().GetResources()); !l.Lacks(used) || l.Lacks(used.PopReservation()) {
		t.Errorf("%s is known", used)
	}
}

// The versions are those of the last reports. A report that does not mention resource providers leaves them as they are.
func TestVersions(t *testing.T) {
	t.Parallel()
	uuid := func(n byte) *mesospb.UUID { return &mesospb.UUID{Value: []byte{n}} }
	p, q := &mesospb.ResourceProviderID{Value: proto.String("p")}, &mesospb.ResourceProviderID{Value: proto.String("q")}
	l := ledger.New(nil, nil, nil)
	if len(l.Versions()) != 0 || l.Version(nil) != nil || l.HasProvider(p) {
		t.Errorf("an agent from before versions has %v", l.Versions())
	}
	l.Update(&internalpb.UpdateSlaveMessage{
		ResourceVersionUuid: uuid(1),
		ResourceProviders: &internalpb.UpdateSlaveMessage_ResourceProviders{Providers: []*internalpb.UpdateSlaveMessage_ResourceProvider{
			{Info: &mesospb.ResourceProviderInfo{Id: q}, ResourceVersionUuid: uuid(3)},
			{Info: &mesospb.ResourceProviderInfo{Id: p}, ResourceVersionUuid: uuid(2)},
		}},
	})
	l.Update(&internalpb.UpdateSlaveMessage{})
	if all := l.Versions(); len(all) != 3 || l.Version(nil).Value[0] != 1 || l.Version(p).Value[0] != 2 || l.Version(q).Value[0] != 3 || !l.HasProvider(p) {
		t.Errorf("the versions are %v", all)
	}
	l.Update(&internalpb.UpdateSlaveMessage{ResourceProviders: &internalpb.UpdateSlaveMessage_ResourceProviders{}})
	if l.HasProvider(p) || l.Version(p) != nil || len(l.Versions()) != 1 {
		t.Errorf("the versions are %v", l.Versions())
	}
}
