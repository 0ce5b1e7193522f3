package follow_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/actors/registrar/follow"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// fixture is a follower in a world of its own, whose leaders are what the test says.
type fixture struct {
	*sim.World
	t       *testing.T
	storage *registrar.Memory
	leader  *election.Standalone
	group   *group
	shows   map[string]*registrypb.Registry // by address; nil: cannot be read
	read    []string                        // the addresses that were asked
}

// group is one in which the test says who may write.
type group struct {
	leads   bool
	waiting []runtime.Promise[bool]
	shares  string
}

func (g *group) Leading(previous bool) runtime.Future[bool] {
	if g.leads != previous {
		return runtime.Ready(g.leads)
	}
	p := runtime.NewPromise[bool]()
	g.waiting = append(g.waiting, p)
	return p.Future()
}

func (g *group) Shares(addr string) runtime.Future[bool] { return runtime.Ready(addr == g.shares) }

func (g *group) lead(leads bool) {
	g.leads = leads
	waiting := g.waiting
	g.waiting = nil
	for _, p := range waiting {
		p.Set(leads)
	}
}

func start(t *testing.T, in *group) *fixture {
	t.Helper()
	f := &fixture{
		World: sim.New(1), t: t, storage: &registrar.Memory{}, leader: election.NewStandalone(nil), group: in, shows: map[string]*registrypb.Registry{},
	}
	t.Cleanup(func() { runtimetest.End(t, f.World) })
	node := f.Node("10.0.0.1:5050")
	r, err := runtime.Spawn(node, "registrar(1)", registrar.New(f.storage, registrar.Defaults()))
	if err != nil {
		t.Fatal(err)
	}
	o := follow.Options{Detector: f.leader, Registrar: r, Read: f.show, Interval: time.Second}
	if in != nil {
		o.Group = in
	}
	if _, err := runtime.Spawn(node, "registry-follower", follow.New(o)); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) show(_ context.Context, addr string) (*registrypb.Registry, error) {
	f.read = append(f.read, addr)
	r, known := f.shows[addr]
	if known && r == nil {
		return nil, errors.New("nobody answers")
	}
	return r, nil
}

// leads has the master at an address lead with a weight of a role in its registry.
func (f *fixture) leads(addr, role string) {
	f.shows[addr] = &registrypb.Registry{
		Master:  &registrypb.Registry_Master{Info: election.MasterInfo(runtime.PID{ID: "master", Addr: addr})},
		Weights: []*registrypb.Registry_Weight{{Info: &mesospb.WeightInfo{Role: proto.String(role), Weight: proto.Float64(2)}}},
	}
	f.leader.Appoint(election.MasterInfo(runtime.PID{ID: "master", Addr: addr}))
	f.Advance(3 * time.Second)
}

// knows demands that the storage has a weight of a role, or nothing at all.
func (f *fixture) knows(role string) {
	f.t.Helper()
	_, records, err := f.storage.Lead(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := registrar.Decode(records)
	if err != nil {
		f.t.Fatal(err)
	}
	var found string
	for _, w := range r.Weights {
		found += w.GetInfo().GetRole()
	}
	if found != role {
		f.t.Errorf("the storage has a weight of %q, want %q", found, role)
	}
}

// The registry of whoever leads is followed, but not that of this master, and one that cannot be read for a while is read again.
func TestFollower(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	f.Advance(3 * time.Second)
	f.knows("")
	f.leads("10.0.0.2:5050", "a")
	f.knows("a")
	f.leads("10.0.0.2:5050", "b")
	f.knows("b")
	commits := f.storage.Commits()
	f.Advance(10 * time.Second)
	if now := f.storage.Commits(); now != commits {
		t.Errorf("%d commits although nothing has changed", now-commits)
	}
	f.shows["10.0.0.2:5050"] = nil
	f.Advance(3 * time.Second)
	f.leads("10.0.0.2:5050", "c")
	f.knows("c")
	f.leads("10.0.0.3:5050", "d")
	f.knows("d")
	f.read = nil
	f.leads("10.0.0.1:5050", "e")
	f.knows("d")
	f.leader.Appoint(nil)
	f.Advance(3 * time.Second)
	if slices.Contains(f.read, "10.0.0.1:5050") || len(f.read) > 0 {
		t.Errorf("%q were asked while this master or none led", f.read)
	}
}

// Of a group, who may write follows, and only masters that do not belong to it. What another one may have written meanwhile is
// written again.
func TestOneOfAGroupFollows(t *testing.T) {
	t.Parallel()
	f := start(t, &group{shares: "10.0.0.2:5050"})
	f.leads("10.0.0.9:5050", "a")
	f.knows("")
	f.group.lead(true)
	f.Advance(3 * time.Second)
	f.knows("a")
	f.group.lead(false)
	f.Advance(time.Second)
	term, records, err := f.storage.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var none []registrar.Change
	for key := range records {
		none = append(none, registrar.Change{Key: key})
	}
	if err := f.storage.Commit(t.Context(), term, none); err != nil {
		t.Fatal(err)
	}
	f.leads("10.0.0.9:5050", "a")
	f.knows("")
	f.group.lead(true)
	f.Advance(3 * time.Second)
	f.knows("a")
	f.leads("10.0.0.2:5050", "b")
	f.knows("a")
}
