package allocator_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// cluster is an allocator on virtual time, with a log of what it offered.
type cluster struct {
	t     *testing.T
	world *sim.World
	node  *runtime.Node
	ref   runtime.Ref[*allocator.Allocator]
	start time.Time
	log   []string
	last  map[ids.Framework]map[ids.Agent]resources.Resources // the last offers, by whom they were made to
}

// with changes Mesos's defaults.
func with(change func(*allocator.Config)) allocator.Config {
	config := allocator.Defaults()
	change(&config)
	return config
}

func start(t *testing.T, config allocator.Config) *cluster {
	t.Helper()
	world := sim.New(1)
	t.Cleanup(func() { runtimetest.End(t, world) })
	c := &cluster{t: t, world: world, start: world.Now(), last: map[ids.Framework]map[ids.Agent]resources.Resources{}}
	c.node = world.Node("10.0.0.1:5050")
	if _, err := metrics.Spawn(c.node, metrics.Options{}); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.ref, err = runtime.Spawn(c.node, "allocator", allocator.New(config, c.offered)); err != nil {
		t.Fatal(err)
	}
	world.Settle()
	return c
}

// offered is the callback.
func (c *cluster) offered(f ids.Framework, offers []allocator.Offer) {
	if c.last[f] == nil {
		c.last[f] = map[ids.Agent]resources.Resources{}
	}
	for _, o := range offers {
		at := c.world.Now().Sub(c.start)
		c.log = append(c.log, fmt.Sprintf("%s %s/%s %s %s", at, f, o.Role, o.Agent, o.Resources.Unallocate()))
		c.last[f][o.Agent] = o.Resources
	}
}

// tell calls the allocator and waits until nothing more happens.
func (c *cluster) tell(f func(a *allocator.Allocator)) {
	c.t.Helper()
	runtime.Tell(c.ref, f)
	c.world.Settle()
}

// expect compares what was offered since the last time.
func (c *cluster) expect(want ...string) {
	c.t.Helper()
	got := strings.Join(c.log, "\n")
	if want := strings.Join(want, "\n"); got != want {
		c.t.Fatalf("offered\n%s\nwant\n%s", got, want)
	}
	c.log = nil
}

func (c *cluster) advance(d time.Duration) { c.world.Advance(d) }

func bag(t testing.TB, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// anAgent has all that an agent declares nowadays.
func anAgent(t testing.TB, id ids.Agent, total string) allocator.Agent {
	t.Helper()
	var capabilities []*mesospb.SlaveInfo_Capability
	for _, typ := range []mesospb.SlaveInfo_Capability_Type{
		mesospb.SlaveInfo_Capability_MULTI_ROLE, mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE,
	} {
		capabilities = append(capabilities, &mesospb.SlaveInfo_Capability{Type: typ.Enum()})
	}
	return allocator.Agent{
		Info:         &mesospb.SlaveInfo{Id: id.Proto(), Hostname: proto.String("host-" + string(id))},
		Capabilities: capabilities,
		Total:        bag(t, total),
	}
}

// aFramework subscribes to roles, and declares capabilities.
func aFramework(id ids.Framework, roles []string, can ...mesospb.FrameworkInfo_Capability_Type) *mesospb.FrameworkInfo {
	info := &mesospb.FrameworkInfo{Id: id.Proto(), User: proto.String("u"), Name: proto.String(string(id)), Roles: roles}
	for _, typ := range append(can, mesospb.FrameworkInfo_Capability_MULTI_ROLE) {
		info.Capabilities = append(info.Capabilities, &mesospb.FrameworkInfo_Capability{Type: typ.Enum()})
	}
	return info
}

func (c *cluster) addAgent(id ids.Agent, total string) {
	c.t.Helper()
	added := anAgent(c.t, id, total)
	c.tell(func(a *allocator.Allocator) { a.AddAgent(added, nil) })
}

func (c *cluster) addFramework(id ids.Framework, roles ...string) {
	c.t.Helper()
	c.tell(func(a *allocator.Allocator) { a.AddFramework(aFramework(id, roles), true, allocator.Wishes{}) })
}

// decline gives back what f was last offered of an agent.
func (c *cluster) decline(f ids.Framework, id ids.Agent, seconds float64) {
	c.t.Helper()
	rs := c.last[f][id]
	c.tell(func(a *allocator.Allocator) {
		a.RecoverResources(f, id, rs, &mesospb.Filters{RefuseSeconds: &seconds}, false)
	})
}

func TestAnAgentIsOfferedWholeWhenItComes(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4;mem:1024;ports:[1-10]")
	c.expect("0s f/* a cpus:4; mem:1024; ports:[1-10]")
	c.advance(10 * time.Second)
	c.expect()
}

func TestADeclinedAgentIsOfferedAgainWhenTheFilterHasExpired(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4;mem:1024")
	c.expect("0s f/* a cpus:4; mem:1024")
	c.advance(200 * time.Millisecond)
	c.decline("f", "a", 5) // until 5.2s
	c.advance(10 * time.Second)
	c.expect("6s f/* a cpus:4; mem:1024")
}

func TestAShortRefusalOutlivesTheNextCycle(t *testing.T) {
	t.Parallel()
	c := start(t, with(func(c *allocator.Config) { c.AllocationInterval = 2 * time.Second }))
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4")
	c.decline("f", "a", 0.1)
	c.log = nil
	c.advance(10 * time.Second)
	c.expect("4s f/* a cpus:4") // not at 2s
}

func TestOddRefusals(t *testing.T) {
	t.Parallel()
	for _, odd := range []struct {
		seconds float64
		again   time.Duration
	}{
		{0, 1 * time.Second},
		{-1, 6 * time.Second},
		{math.NaN(), 6 * time.Second},
		{math.Inf(1), 365*24*time.Hour + time.Second},
		{1e9, 365*24*time.Hour + time.Second},
	} {
		t.Run(fmt.Sprint(odd.seconds), func(t *testing.T) {
			t.Parallel()
			// With so long an interval even a year has few cycles.
			interval := max(time.Second, odd.again/1000)
			c := start(t, with(func(c *allocator.Config) { c.AllocationInterval = interval }))
			c.addFramework("f", "*")
			c.addAgent("a", "cpus:4")
			c.decline("f", "a", odd.seconds)
			c.log = nil
			c.advance(odd.again - 2*interval)
			if odd.again > time.Second {
				c.expect()
			}
			c.advance(3 * interval)
			if len(c.log) != 1 {
				t.Fatalf("offers: %q", c.log)
			}
		})
	}
}

func TestMoreThanWasRefusedIsOfferedInSpiteOfTheFilter(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4;mem:512")
	used := bag(t, "cpus:3;mem:512").Allocate("*")
	left := bag(t, "cpus:1").Allocate("*")
	c.last["f"]["a"] = left
	c.decline("f", "a", 1000)
	c.advance(5 * time.Second)
	c.log = nil
	c.tell(func(a *allocator.Allocator) { a.RecoverResources("f", "a", used, nil, false) })
	c.expect() // not at once
	c.advance(time.Second)
	c.expect("6s f/* a cpus:4; mem:512")
}

func TestReviveForgetsRefusalsAndSuppressStopsOffers(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "x", "y")
	c.addAgent("a", "cpus:4")
	c.expect("0s f/x a cpus:4")
	c.decline("f", "a", 1000)
	c.advance(2 * time.Second)
	c.expect("1s f/y a cpus:4") // refusals are for a role
	c.decline("f", "a", 1000)
	c.advance(5 * time.Second)
	c.expect()
	c.tell(func(a *allocator.Allocator) { a.ReviveOffers("f", []string{"x"}) })
	c.expect("7s f/x a cpus:4")
	c.tell(func(a *allocator.Allocator) { a.SuppressOffers("f", nil) })
	c.decline("f", "a", 0)
	c.advance(5 * time.Second)
	c.expect()
	c.tell(func(a *allocator.Allocator) { a.ReviveOffers("f", nil) })
	c.expect("12s f/y a cpus:4") // which was served less often
}

func TestWhatHappensInARowIsOneCycle(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	one, two := anAgent(t, "a1", "cpus:1"), anAgent(t, "a2", "cpus:1")
	c.tell(func(a *allocator.Allocator) {
		a.AddAgent(one, nil)
		a.AddFramework(aFramework("f", []string{"*"}), true, allocator.Wishes{})
		a.AddAgent(two, nil)
	})
	m := c.metrics()
	if len(c.log) != 2 || m.Runs != 1 {
		t.Errorf("%d runs, offers %q", m.Runs, c.log)
	}
}

func (c *cluster) metrics() allocator.Metrics {
	var m allocator.Metrics
	c.tell(func(a *allocator.Allocator) { m = a.Metrics() })
	return m
}

func TestWeightsDivideTheCluster(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.tell(func(a *allocator.Allocator) {
		a.UpdateWeights([]*mesospb.WeightInfo{{Role: proto.String("big"), Weight: proto.Float64(3)}})
	})
	c.addFramework("f1", "big")
	c.addFramework("f2", "small")
	for i := range 40 {
		c.addAgent(ids.Agent(fmt.Sprintf("a%02d", i)), "cpus:1;mem:100")
	}
	got := map[ids.Framework]int{"f1": len(c.last["f1"]), "f2": len(c.last["f2"])}
	if got["f1"] != 30 || got["f2"] != 10 {
		t.Errorf("agents: %v; want 30 and 10", got)
	}
	for _, r := range c.metrics().Roles {
		if math.Abs(r.DominantShare-0.25) > 1e-9 {
			t.Errorf("share of %s: %v", r.Role, r.DominantShare)
		}
	}
}

func TestSubtreesAreFairFirst(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f1", "eng/a")
	c.addFramework("f2", "eng/b")
	c.addFramework("f3", "ops")
	for i := range 40 {
		c.addAgent(ids.Agent(fmt.Sprintf("a%02d", i)), "cpus:1;mem:100")
	}
	if a, b, o := len(c.last["f1"]), len(c.last["f2"]), len(c.last["f3"]); a != 10 || b != 10 || o != 20 {
		t.Errorf("agents: eng/a %d, eng/b %d, ops %d; want 10, 10, 20", a, b, o)
	}
}

func TestExcludedResourcesDoNotCountForFairness(t *testing.T) {
	t.Parallel()
	c := start(t, with(func(c *allocator.Config) { c.FairnessExcluded = []string{"gpus"}; c.GPUsForAll = true }))
	c.addFramework("f1", "x")
	c.addAgent("a0", "cpus:1;gpus:8") // all gpus there are
	c.addFramework("f2", "y")
	c.addAgent("a1", "cpus:2")
	c.addAgent("a2", "cpus:1")
	c.expect("0s f1/x a0 cpus:1; gpus:8", "0s f2/y a1 cpus:2", "0s f1/x a2 cpus:1")
}

func TestReservationsAreForTheirRoleAndThoseBelow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ role, want string }{
		{"eng", "cpus(reservations: [(STATIC,eng)]):2; mem:100"},
		{"eng/dev", "cpus(reservations: [(STATIC,eng)]):2; mem:100"},
		{"engineering", "mem:100"},
		{"*", "mem:100"},
	} {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			cl := start(t, allocator.Defaults())
			cl.addFramework("f", c.role)
			cl.addAgent("a", "cpus(eng):2;mem:100")
			cl.expect("0s f/" + c.role + " a " + c.want)
		})
	}
}

func TestTooLittleIsNotOffered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minimum, total string
		offered        bool
	}{
		{"", "cpus:0.01", true},
		{"", "mem:32", true},
		{"", "cpus:0.009;mem:31.9;disk:1000", false},
		{"cpus:1;mem:64", "cpus:2;mem:32", false},
		{"cpus:1;mem:64", "cpus:1;mem:64", true},
		{"none", "disk:1", true},
	} {
		t.Run(c.minimum+" "+c.total, func(t *testing.T) {
			t.Parallel()
			config := allocator.Defaults()
			switch c.minimum {
			case "":
			case "none":
				config.Minimum = []resources.Quantities{}
			default:
				q, err := resources.ParseQuantities(c.minimum)
				if err != nil {
					t.Fatal(err)
				}
				config.Minimum = []resources.Quantities{q}
			}
			cl := start(t, config)
			cl.addFramework("f", "*")
			cl.addAgent("a", c.total)
			if offered := len(cl.log) > 0; offered != c.offered {
				t.Errorf("offered %q", cl.log)
			}
		})
	}
}

func TestAFrameworkMayWantLess(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	info := aFramework("f", []string{"x"})
	info.OfferFilters = map[string]*mesospb.OfferFilters{
		"x": {MinAllocatableResources: &mesospb.OfferFilters_MinAllocatableResources{
			Quantities: []*mesospb.OfferFilters_ResourceQuantities{
				{Quantities: map[string]*mesospb.Value_Scalar{"disk": {Value: proto.Float64(5)}}},
			},
		}},
	}
	c.addAgent("a", "disk:10")
	c.tell(func(a *allocator.Allocator) { a.AddFramework(info, true, allocator.Wishes{}) })
	c.expect("0s f/x a disk:10")
}

func TestGPUAgentsAreForFrameworksThatKnowGPUs(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4;gpus:1")
	c.advance(3 * time.Second)
	c.expect()
	c.tell(func(a *allocator.Allocator) {
		a.UpdateFramework(aFramework("f", []string{"*"}, mesospb.FrameworkInfo_Capability_GPU_RESOURCES), allocator.Wishes{})
	})
	c.advance(time.Second)
	c.expect("4s f/* a cpus:4; gpus:1")
}

func TestResourcesAFrameworkDoesNotUnderstandAreKeptFromIt(t *testing.T) {
	t.Parallel()
	revocable := proto.CloneOf(bag(t, "mem:64").Proto()[0])
	revocable.Revocable = &mesospb.Resource_RevocableInfo{}
	refined := proto.CloneOf(bag(t, "disk(eng):64").Proto()[0])
	refined.Reservations = append(refined.Reservations, &mesospb.Resource_ReservationInfo{
		Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("eng/dev"),
	})
	total, err := resources.FromProto([]*mesospb.Resource{bag(t, "cpus:1").Proto()[0], revocable, refined})
	if err != nil {
		t.Fatal(err)
	}
	for _, can := range []struct {
		declared []mesospb.FrameworkInfo_Capability_Type
		want     string
	}{
		{nil, "cpus:1"},
		{[]mesospb.FrameworkInfo_Capability_Type{mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES}, "cpus:1; mem{REV}:64"},
		{
			[]mesospb.FrameworkInfo_Capability_Type{mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
			"cpus:1; disk(reservations: [(STATIC,eng),(DYNAMIC,eng/dev)]):64",
		},
	} {
		c := start(t, allocator.Defaults())
		added := anAgent(t, "a", "")
		added.Total = total
		c.tell(func(a *allocator.Allocator) {
			a.AddFramework(aFramework("f", []string{"eng/dev"}, can.declared...), true, allocator.Wishes{})
			a.AddAgent(added, nil)
		})
		c.expect("0s f/eng/dev a " + can.want)
	}
}

func TestASharedVolumeIsOfferedOnceACycleAndAgainWhileInUse(t *testing.T) {
	t.Parallel()
	volume := proto.CloneOf(bag(t, "disk(eng):64").Proto()[0])
	volume.Disk = &mesospb.Resource_DiskInfo{
		Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: proto.String("v")},
		Volume:      &mesospb.Volume{ContainerPath: proto.String("p"), Mode: mesospb.Volume_RW.Enum()},
	}
	volume.Shared = &mesospb.Resource_SharedInfo{}
	total, err := resources.FromProto([]*mesospb.Resource{volume, bag(t, "cpus:1").Proto()[0]})
	if err != nil {
		t.Fatal(err)
	}
	added := anAgent(t, "a", "")
	added.Total = total
	c := start(t, with(func(c *allocator.Config) { c.Minimum = []resources.Quantities{} }))
	for _, id := range []ids.Framework{"f1", "f2"} {
		c.tell(func(a *allocator.Allocator) {
			a.AddFramework(aFramework(id, []string{"eng"}, mesospb.FrameworkInfo_Capability_SHARED_RESOURCES), true, allocator.Wishes{})
		})
	}
	c.tell(func(a *allocator.Allocator) { a.AddAgent(added, nil) })
	const shared = "disk(reservations: [(STATIC,eng)])[v:p]<SHARED>:64<1>"
	c.expect("0s f1/eng a cpus:1; " + shared)
	c.advance(time.Second)
	c.expect("1s f2/eng a " + shared)
	if held := c.metrics().Total[1]; held.Name != "disk" || held.OfferedOrAllocated != 64*resources.Unit {
		t.Errorf("two copies count as %v", held)
	}
}

func TestRemoteRegionsAreForRegionAwareFrameworks(t *testing.T) {
	t.Parallel()
	in := func(region string) *mesospb.DomainInfo {
		return &mesospb.DomainInfo{FaultDomain: &mesospb.DomainInfo_FaultDomain{
			Region: &mesospb.DomainInfo_FaultDomain_RegionInfo{Name: &region},
			Zone:   &mesospb.DomainInfo_FaultDomain_ZoneInfo{Name: proto.String("z")},
		}}
	}
	c := start(t, with(func(c *allocator.Config) { c.Domain = in("here") }))
	c.addFramework("f1", "*")
	c.tell(func(a *allocator.Allocator) {
		a.AddFramework(aFramework("f2", []string{"*"}, mesospb.FrameworkInfo_Capability_REGION_AWARE), true, allocator.Wishes{})
	})
	for id, region := range map[ids.Agent]string{"a": "there"} {
		added := anAgent(t, id, "cpus:1")
		added.Info.Domain = in(region)
		c.tell(func(a *allocator.Allocator) { a.AddAgent(added, nil) })
	}
	c.expect("0s f2/* a cpus:1")
}

func TestOldAgentsAreNotForNewRoles(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	old := anAgent(t, "a", "cpus:1")
	old.Capabilities = nil
	c.addFramework("f1", "x") // MULTI_ROLE
	c.tell(func(a *allocator.Allocator) {
		a.AddFramework(&mesospb.FrameworkInfo{Id: ids.Framework("f2").Proto(), Role: proto.String("e/d")}, true, allocator.Wishes{})
		a.AddFramework(&mesospb.FrameworkInfo{Id: ids.Framework("f3").Proto(), Role: proto.String("e")}, true, allocator.Wishes{})
		a.AddAgent(old, nil)
	})
	c.expect("0s f3/e a cpus:1")
}

func TestWhitelistAndDeactivation(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.tell(func(a *allocator.Allocator) { a.UpdateWhitelist([]string{"host-a2"}) })
	c.addAgent("a1", "cpus:1")
	c.addAgent("a2", "cpus:1")
	c.expect("0s f/* a2 cpus:1")
	c.tell(func(a *allocator.Allocator) { a.DeactivateAgent("a1"); a.UpdateWhitelist(nil) })
	c.advance(time.Second)
	c.expect()
	c.tell(func(a *allocator.Allocator) { a.ActivateAgent("a1") })
	c.expect()
	c.advance(time.Second)
	c.expect("2s f/* a1 cpus:1")
}

func TestAnInactiveFrameworkKeepsWhatItHoldsAndGetsNoMore(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.addAgent("a1", "cpus:1")
	c.tell(func(a *allocator.Allocator) { a.DeactivateFramework("f") })
	c.addAgent("a2", "cpus:1")
	c.advance(3 * time.Second)
	c.expect("0s f/* a1 cpus:1")
	c.tell(func(a *allocator.Allocator) { a.ActivateFramework("f") })
	c.expect("3s f/* a2 cpus:1")
	c.tell(func(a *allocator.Allocator) { a.RemoveFramework("f") })
	c.addFramework("g", "*")
	if len(c.log) != 2 {
		t.Errorf("what the removed framework held is offered as %q", c.log)
	}
}

func TestChangedAttributesEndRefusals(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:1")
	c.decline("f", "a", 1000)
	c.advance(time.Second)
	c.log = nil
	now := anAgent(t, "a", "cpus:1")
	c.tell(func(a *allocator.Allocator) { a.UpdateAgent(now) })
	c.expect() // nothing has changed
	changed := anAgent(t, "a", "cpus:1")
	changed.Info.Attributes = []*mesospb.Attribute{{
		Name: proto.String("rack"), Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String("r1")},
	}}
	c.tell(func(a *allocator.Allocator) { a.UpdateAgent(changed) })
	c.expect("1s f/* a cpus:1")
}

func TestWhatAnAgentComesBackWithCountsForItsFramework(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	back := anAgent(t, "a1", "cpus:4")
	used := map[ids.Framework]resources.Resources{"f1": bag(t, "cpus:4").Allocate("x")}
	c.tell(func(a *allocator.Allocator) { a.AddAgent(back, used) }) // before its framework
	c.addFramework("f1", "x")
	c.addFramework("f2", "y")
	c.addAgent("a2", "cpus:1")
	c.expect("0s f2/y a2 cpus:1")
	consumed := func() (out []string) {
		for _, r := range c.metrics().Roles {
			out = append(out, r.Role+" "+r.Consumed.String())
		}
		return out
	}
	if got := fmt.Sprint(consumed()); got != "[x cpus:4 y {}]" {
		t.Errorf("consumed %s", got)
	}
	c.tell(func(a *allocator.Allocator) {
		a.RecoverResources("f1", "a1", used["f1"], nil, true)
		a.TransitionOfferedToAllocated("a2", c.last["f2"]["a2"])
	})
	if got := fmt.Sprint(consumed()); got != "[x {} y cpus:1]" {
		t.Errorf("consumed %s", got)
	}
	c.tell(func(a *allocator.Allocator) { a.RemoveAgent("a2"); a.RemoveAgent("a1") })
	if got := fmt.Sprint(consumed()); got != "[x {} y {}]" {
		t.Errorf("consumed %s", got)
	}
}

func TestTasksOfAFrameworkThatNeverComesBackGiveBackTheirResources(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	back := anAgent(t, "a", "cpus:4")
	used := bag(t, "cpus:4").Allocate("x")
	c.tell(func(a *allocator.Allocator) {
		a.AddAgent(back, map[ids.Framework]resources.Resources{"gone": used})
		a.AddFramework(aFramework("f", []string{"*"}), true, allocator.Wishes{})
		a.RecoverResources("gone", "a", used, nil, true)
		a.RecoverResources("gone", "a", used, nil, false) // as after RemoveFramework
	})
	c.advance(time.Second)
	if len(c.log) != 1 {
		t.Errorf("offers: %q", c.log)
	}
}

func TestOperationsChangeWhatIsOffered(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "eng")
	c.addFramework("g", "ops")
	c.addAgent("a", "cpus:4")
	c.expect("0s f/eng a cpus:4")
	two := bag(t, "cpus:2")
	reserved, err := two.PushReservation(&mesospb.Resource_ReservationInfo{
		Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("eng"),
	})
	if err != nil {
		t.Fatal(err)
	}
	operation := resources.Conversion{Consumed: two.Allocate("eng"), Converted: reserved.Allocate("eng")}
	c.tell(func(a *allocator.Allocator) {
		a.UpdateAllocation("f", "a", c.last["f"]["a"], []resources.Conversion{operation})
		a.RecoverResources("f", "a", bag(t, "cpus:2").Plus(reserved).Allocate("eng"), nil, false)
		a.SuppressOffers("f", nil)
	})
	c.advance(time.Second)
	c.expect("1s g/ops a cpus:2")

	free := []resources.Conversion{{Consumed: reserved, Converted: two}}
	var outcomes []error
	c.tell(func(a *allocator.Allocator) {
		outcomes = append(outcomes, a.UpdateAvailable("a", free), a.UpdateAvailable("a", free))
	})
	if outcomes[0] != nil || outcomes[1] == nil {
		t.Errorf("unreserving twice: %v", outcomes)
	}
	c.advance(time.Second)
	c.expect("2s g/ops a cpus:2")
}

// What an operation does not change stays with the framework that holds it, also ranges and sets, which are not amounts.
func TestOperationsLeaveTheRest(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f", "eng")
	c.addAgent("a", "cpus:4;ports:[1-9];zones:{x,y}")
	c.expect("0s f/eng a cpus:4; ports:[1-9]; zones:{x, y}")
	for _, text := range []string{"cpus:2", "ports:[3-4]", "zones:{x}"} {
		c.tell(func(a *allocator.Allocator) {
			some := bag(t, text)
			reserved, err := some.PushReservation(&mesospb.Resource_ReservationInfo{
				Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("eng"),
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, operation := range []resources.Conversion{
				{Consumed: some.Allocate("eng"), Converted: reserved.Allocate("eng")},
				{Consumed: reserved.Allocate("eng"), Converted: some.Allocate("eng")},
			} {
				held := c.last["f"]["a"]
				a.UpdateAllocation("f", "a", held, []resources.Conversion{operation})
				if c.last["f"]["a"], err = held.Apply(operation); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	c.tell(func(a *allocator.Allocator) { a.RecoverResources("f", "a", c.last["f"]["a"], nil, false) })
	c.advance(time.Second)
	c.expect("1s f/eng a cpus:4; ports:[1-9]; zones:{x, y}")
}
