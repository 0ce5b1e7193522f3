package registrar_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/metrics"
	"meseta/actors/registrar"
	"meseta/actors/registrar/registrartest"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	registrartest.Run(t, func(*testing.T) registrar.Storage { return memory })
}

// fixture is a registrar on a node of its own.
type fixture struct {
	t       *testing.T
	node    *runtime.Node
	storage *registrar.Memory
	ref     runtime.Ref[*registrar.Registrar]
}

func start(t *testing.T, storage *registrar.Memory) *fixture {
	t.Helper()
	f := startOn(t, storage)
	f.storage = storage
	return f
}

// startOn is start on any storage.
func startOn(t *testing.T, storage registrar.Storage) *fixture {
	t.Helper()
	node, err := runtime.NewNode(runtime.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, node) })
	if _, err := metrics.Spawn(node, metrics.Options{}); err != nil {
		t.Fatal(err)
	}
	ref, err := runtime.Spawn(node, node.NewID("registrar"), registrar.New(storage, registrar.Defaults()))
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, node: node, ref: ref}
}

func (f *fixture) recover() *registrypb.Registry {
	f.t.Helper()
	r, err := runtime.Wait(f.t.Context(), registrar.Recover(f.ref, &mesospb.MasterInfo{Id: proto.String("m"), Ip: proto.Uint32(0), Port: proto.Uint32(1)}))
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) apply(op registrar.Operation, want bool) {
	f.t.Helper()
	if got, err := runtime.Wait(f.t.Context(), registrar.Apply(f.ref, op)); err != nil || got != want {
		f.t.Fatalf("%#v: got %v, %v; want %v", op, got, err, want)
	}
}

func info(id string) *mesospb.SlaveInfo {
	return &mesospb.SlaveInfo{Hostname: proto.String("host"), Id: ids.Agent(id).Proto()}
}

func since(ns int64) *mesospb.TimeInfo { return &mesospb.TimeInfo{Nanoseconds: proto.Int64(ns)} }

// summary is the registry as "admitted | unreachable | gone".
func summary(r *registrypb.Registry) string {
	var lists [3][]string
	for _, a := range r.GetSlaves().GetSlaves() {
		lists[0] = append(lists[0], a.GetInfo().GetId().GetValue())
	}
	for _, a := range r.GetUnreachable().GetSlaves() {
		lists[1] = append(lists[1], a.GetId().GetValue())
	}
	for _, a := range r.GetGone().GetSlaves() {
		lists[2] = append(lists[2], a.GetId().GetValue())
	}
	return fmt.Sprint(lists[0], lists[1], lists[2])
}

// Each operation is refused where it does not apply, and what was accepted is there after a restart.
func TestOperations(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	f := start(t, memory)
	if _, err := runtime.Wait(t.Context(), registrar.Apply(f.ref, registrar.AdmitAgent{Info: info("S0")})); !errors.Is(err, registrar.ErrNotRecovered) {
		t.Fatalf("an operation before recovery: %v", err)
	}
	f.recover()
	f.apply(registrar.AdmitAgent{Info: info("S0")}, true)
	f.apply(registrar.AdmitAgent{Info: info("S0")}, false)
	for i := range 11 {
		f.apply(registrar.AdmitAgent{Info: info(fmt.Sprintf("S%d", i+1))}, true)
	}
	changed := info("S1")
	changed.Hostname = proto.String("other")
	f.apply(registrar.UpdateAgent{Info: changed}, true)
	f.apply(registrar.UpdateAgent{Info: info("S99")}, false)
	f.apply(registrar.MarkUnreachable{Info: info("S3"), Since: since(30)}, true)
	f.apply(registrar.MarkUnreachable{Info: info("S2"), Since: since(40)}, true)
	f.apply(registrar.MarkUnreachable{Info: info("S2"), Since: since(50)}, false)
	f.apply(registrar.MarkReachable{Info: info("S3")}, true)
	f.apply(registrar.MarkReachable{Info: info("S3")}, true)
	f.apply(registrar.MarkReachable{Info: info("S77")}, true)
	f.apply(registrar.RemoveAgent{ID: "S4"}, true)
	f.apply(registrar.RemoveAgent{ID: "S4"}, false)
	f.apply(registrar.MarkGone{ID: "S5", Since: since(1)}, true)
	f.apply(registrar.MarkGone{ID: "S5", Since: since(1)}, false)
	f.apply(registrar.MarkGone{ID: "S55", Since: since(1)}, false)
	f.apply(registrar.MarkUnreachable{Info: info("S6"), Since: since(60)}, true)
	f.apply(registrar.MarkGone{ID: "S6", Since: since(2)}, true)
	f.apply(registrar.MarkUnreachable{Info: info("S7"), Since: since(10)}, true)
	f.apply(registrar.MarkUnreachable{Info: info("S8"), Since: since(20)}, true)
	f.apply(registrar.Prune{Unreachable: []ids.Agent{"S8", "S9"}, Gone: []ids.Agent{"S6"}}, true)

	again := start(t, memory).recover()
	if got, want := summary(again), "[S0 S1 S3 S9 S10 S11 S77] [S7 S2] [S5]"; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if got := again.GetSlaves().GetSlaves()[1].GetInfo().GetHostname(); got != "other" {
		t.Fatalf("the update is lost: %s", got)
	}
	if got := again.GetMaster().GetInfo().GetId(); got != "m" {
		t.Fatalf("the leader was not written: %q", got)
	}
}

func TestWeightsAreMerged(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	f := start(t, memory)
	f.recover()
	weight := func(role string, w float64) *mesospb.WeightInfo {
		return &mesospb.WeightInfo{Role: proto.String(role), Weight: proto.Float64(w)}
	}
	f.apply(registrar.UpdateWeights{Weights: []*mesospb.WeightInfo{weight("b", 2), weight("a", 1)}}, true)
	f.apply(registrar.UpdateWeights{Weights: []*mesospb.WeightInfo{weight("b", 3)}}, true)
	var got []string
	for _, w := range start(t, memory).recover().GetWeights() {
		got = append(got, fmt.Sprint(w.GetInfo().GetRole(), "=", w.GetInfo().GetWeight()))
	}
	if fmt.Sprint(got) != "[a=1 b=3]" {
		t.Fatalf("got %v", got)
	}
}

// What masters before Mesos 1.9 wrote of a role is replaced, and a registry without quotas needs no master that knows them.
func TestQuotasAreMerged(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	if err := registrar.Fill(t.Context(), memory, &registrypb.Registry{
		Quotas: []*registrypb.Registry_Quota{{Info: &quotapb.QuotaInfo{Role: proto.String("a")}}},
	}); err != nil {
		t.Fatal(err)
	}
	f := start(t, memory)
	f.recover()
	quota := func(role string, cpus float64) *quotapb.QuotaConfig {
		return &quotapb.QuotaConfig{Role: &role, Limits: map[string]*mesospb.Value_Scalar{"cpus": {Value: &cpus}}}
	}
	none := func(role string) *quotapb.QuotaConfig { return &quotapb.QuotaConfig{Role: &role} }
	for _, step := range []struct {
		quotas []*quotapb.QuotaConfig
		want   string
	}{
		{[]*quotapb.QuotaConfig{quota("b", 2), quota("c", 0)}, "[b=2 c=0] 1 [QUOTA_V2]"},
		{[]*quotapb.QuotaConfig{quota("a", 1), quota("b", 3), none("never")}, "[b=3 c=0 a=1] 0 [QUOTA_V2]"},
		{[]*quotapb.QuotaConfig{none("a"), none("c")}, "[b=3] 0 [QUOTA_V2]"},
		{[]*quotapb.QuotaConfig{none("b")}, "[] 0 []"},
	} {
		f.apply(registrar.UpdateQuotas{Quotas: step.quotas}, true)
		r := start(t, memory).recover()
		var quotas, needed []string
		for _, q := range r.GetQuotaConfigs() {
			quotas = append(quotas, fmt.Sprint(q.GetRole(), "=", q.GetLimits()["cpus"].GetValue()))
		}
		for _, m := range r.GetMinimumCapabilities() {
			needed = append(needed, m.GetCapability())
		}
		if got := fmt.Sprint(quotas, len(r.GetQuotas()), needed); got != step.want {
			t.Errorf("after %v: %s, want %s", step.quotas, got, step.want)
		}
		f = start(t, memory)
		f.recover()
	}
}

// Operations that come while a write is under way share the next one.
func TestOperationsAreBatched(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	f := start(t, memory)
	f.recover()
	before := memory.Commits()
	all, err := runtime.Wait(t.Context(), runtime.Flatten(runtime.Dispatch(f.ref, func(r *registrar.Registrar) runtime.Future[[]bool] {
		var results []runtime.Future[bool]
		for i := range 100 {
			results = append(results, r.Apply(registrar.AdmitAgent{Info: info(fmt.Sprint(i))}))
		}
		return runtime.Collect(results...)
	})))
	if err != nil || len(all) != 100 {
		t.Fatalf("%v, %v", all, err)
	}
	if n := memory.Commits() - before; n != 2 {
		t.Fatalf("100 operations took %d commits, want 2: one for the first, one for the rest", n)
	}
}

// gated is a storage that says when a commit begins, and ends it when it is told to.
type gated struct {
	registrar.Memory
	begun, end chan struct{}
}

func (g *gated) Commit(ctx context.Context, term registrar.Term, changes []registrar.Change) error {
	g.begun <- struct{}{}
	<-g.end
	return g.Memory.Commit(ctx, term, changes)
}

// asker applies an operation and books a timer when it is answered.
type asker struct {
	runtime.Actor
	registrar runtime.Ref[*registrar.Registrar]
	answered  chan struct{}
}

func (a *asker) admit() {
	admitted := registrar.Apply(a.registrar, registrar.AdmitAgent{Info: info(a.Self().ID)})
	runtime.Await(a, admitted, func(bool, error) { a.Delay(0, func() { close(a.answered) }) })
}

// What follows from an answer is caused by the turn that asked for it, also where one write answers several, or comes after another's.
// A write is caused by the first of those that it answers.
func TestAnswersAreCausedByTheirQuestions(t *testing.T) {
	t.Parallel()
	storage := &gated{begun: make(chan struct{}, 1), end: make(chan struct{}, 1)}
	f := startOn(t, storage)
	f.node.Trace().Record(10_000)
	storage.end <- struct{}{}
	f.recover()
	<-storage.begun
	var askers []*asker
	for i := range 4 {
		a := &asker{registrar: f.ref, answered: make(chan struct{})}
		ref, err := runtime.Spawn(f.node, fmt.Sprint("asker", i), a)
		if err != nil {
			t.Fatal(err)
		}
		done := runtime.Dispatch(ref, func(a *asker) bool { a.admit(); return true })
		if _, err := runtime.Wait(t.Context(), done); err != nil {
			t.Fatal(err)
		}
		if _, err := runtime.Wait(t.Context(), runtime.Dispatch(f.ref, (*registrar.Registrar).Self)); err != nil { // it has been asked
			t.Fatal(err)
		}
		if askers = append(askers, a); i == 0 {
			<-storage.begun // the others share the next write
		}
	}
	storage.end <- struct{}{}
	<-storage.begun
	storage.end <- struct{}{}
	for _, a := range askers {
		<-a.answered
	}
	runtimetest.OwnCauses(t, f.node, "asker", len(askers))
	writes := runtimetest.WorkBegunBy(f.node, "registrar(1)")
	if want := []string{"asker0", "asker1"}; !slices.Equal(writes[max(0, len(writes)-2):], want) {
		t.Errorf("the writes were begun by %q, at last %q", writes, want)
	}
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	f := start(t, memory)
	f.recover()
	f.apply(registrar.AdmitAgent{Info: info("a1")}, true)
	f.apply(registrar.AdmitAgent{Info: info("a1")}, false) // changes nothing, and so is not stored
	values, err := runtime.Wait(t.Context(), metrics.Of(f.node, 0))
	if err != nil {
		t.Fatal(err)
	}
	_, records, err := memory.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, value := range records {
		size += len(value)
	}
	got := map[string]metrics.Value{}
	for _, v := range values {
		got[v.Key] = v
	}
	if got["registrar/state_fetch_ms"].Count != 1 || got["registrar/state_store_ms"].Count != 2 ||
		got["registrar/registry_size_bytes"].Value != float64(size) || got["registrar/queued_operations"].Key == "" {
		t.Errorf("%d bytes, %+v", size, values)
	}
}

func TestFailedWriteEndsTheRegistrar(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	f := start(t, memory)
	f.recover()
	disk := errors.New("disk on fire")
	memory.Break(disk)
	if _, err := runtime.Wait(t.Context(), registrar.Apply(f.ref, registrar.AdmitAgent{Info: info("S0")})); !errors.Is(err, disk) {
		t.Fatalf("got %v", err)
	}
	memory.Break(nil)
	if _, err := runtime.Wait(t.Context(), registrar.Apply(f.ref, registrar.AdmitAgent{Info: info("S1")})); !errors.Is(err, disk) {
		t.Fatalf("after a failed write nothing is known of the storage; got %v", err)
	}
}

// An operation that cannot be written is refused, and the others of its batch go on.
func TestIncompleteOperationIsRefused(t *testing.T) {
	t.Parallel()
	f := start(t, &registrar.Memory{})
	f.recover()
	f.apply(registrar.AdmitAgent{Info: &mesospb.SlaveInfo{Id: ids.Agent("S0").Proto()}}, false)
	f.apply(registrar.UpdateWeights{Weights: []*mesospb.WeightInfo{{Role: proto.String("no weight")}}}, false)
	f.apply(registrar.UpdateQuotas{Quotas: []*quotapb.QuotaConfig{{
		Role: proto.String("r"), Limits: map[string]*mesospb.Value_Scalar{"no amount": {}},
	}}}, false)
	f.apply(registrar.DeactivateAgent{ID: "S1"}, false)
	f.apply(registrar.AdmitAgent{Info: info("S1")}, true)
	f.apply(registrar.DeactivateAgent{ID: "S1"}, true)
}

// A registrar whose storage another one has taken over writes nothing any more.
func TestReplacedRegistrarIsLost(t *testing.T) {
	t.Parallel()
	memory := &registrar.Memory{}
	old, next := start(t, memory), start(t, memory)
	old.recover()
	old.apply(registrar.AdmitAgent{Info: info("S0")}, true)
	next.recover()
	next.apply(registrar.AdmitAgent{Info: info("S1")}, true)
	if _, err := runtime.Wait(t.Context(), registrar.Apply(old.ref, registrar.AdmitAgent{Info: info("S2")})); !errors.Is(err, registrar.ErrLost) {
		t.Errorf("the replaced registrar: %v", err)
	}
	if got := summary(start(t, memory).recover()); got != "[S0 S1] [] []" {
		t.Errorf("the registry is %s", got)
	}
}

func TestUnreadableRegistryIsNotRecovered(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]registrar.Change{
		"a record of a newer version": {Key: "future/x", Value: []byte{1}},
		"a damaged record":            {Key: "agents/S0", Value: []byte{0xff}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := &registrar.Memory{}
			term, _, err := memory.Lead(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := memory.Commit(t.Context(), term, []registrar.Change{change}); err != nil {
				t.Fatal(err)
			}
			f := start(t, memory)
			if _, err := runtime.Wait(t.Context(), registrar.Recover(f.ref, &mesospb.MasterInfo{})); err == nil {
				t.Fatal("recovered")
			}
		})
	}
}

// What another master has leads here next, in place of what was there, also if this one leads before it is stored. A master that leads
// follows nobody, and none follows one that has forgotten everything.
func TestFollow(t *testing.T) {
	t.Parallel()
	other := func(agents ...string) *registrypb.Registry {
		r := &registrypb.Registry{
			Master:  &registrypb.Registry_Master{Info: &mesospb.MasterInfo{Id: proto.String("other"), Ip: proto.Uint32(0), Port: proto.Uint32(2)}},
			Slaves:  &registrypb.Registry_Slaves{},
			Weights: []*registrypb.Registry_Weight{{Info: &mesospb.WeightInfo{Role: proto.String("r"), Weight: proto.Float64(2)}}},
		}
		for _, id := range agents {
			r.Slaves.Slaves = append(r.Slaves.Slaves, &registrypb.Registry_Slave{Info: info(id)})
		}
		return r
	}
	storage := &registrar.Memory{}
	f := start(t, storage)
	follow := func(p *registrypb.Registry) (bool, error) {
		return runtime.Wait(t.Context(), registrar.Follow(f.ref, p))
	}
	for _, c := range []struct {
		registry *registrypb.Registry
		changed  bool
	}{{other("a", "b"), true}, {other("a", "b"), false}, {other("b", "c"), true}} {
		if changed, err := follow(c.registry); changed != c.changed || err != nil {
			t.Errorf("following %v: changed %t, %v", c.registry, changed, err)
		}
	}
	if _, err := follow(&registrypb.Registry{Master: other().Master}); !errors.Is(err, registrar.ErrForgets) {
		t.Errorf("following an empty registry: %v", err)
	}
	last := registrar.Follow(f.ref, other("c", "d"))
	r := f.recover()
	if _, err := runtime.Wait(t.Context(), last); err != nil {
		t.Error(err)
	}
	var found []string
	for _, a := range r.GetSlaves().GetSlaves() {
		found = append(found, a.GetInfo().GetId().GetValue())
	}
	if !slices.Equal(found, []string{"c", "d"}) || len(r.Weights) != 1 || r.GetMaster().GetInfo().GetId() != "m" {
		t.Errorf("the master recovers %v", r)
	}
	if _, err := follow(other("a")); !errors.Is(err, registrar.ErrLeads) {
		t.Errorf("following while leading: %v", err)
	}
}
