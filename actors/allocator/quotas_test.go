package allocator_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime/sim"
)

// quota is a quota of amounts as in "cpus:1;mem:64"; no limits are no limits.
func quota(t testing.TB, role, guarantees, limits string) allocator.Quota {
	t.Helper()
	g, err := resources.ParseQuantities(guarantees)
	if err != nil {
		t.Fatal(err)
	}
	bounds := map[string]resources.Quantity{}
	for r := range bag(t, limits).All() {
		bounds[r.Name()] = r.Scalar()
	}
	return allocator.Quota{Role: role, Guarantees: g, Limits: resources.LimitsOf(bounds)}
}

func (c *cluster) setQuotas(quotas ...allocator.Quota) {
	c.t.Helper()
	c.tell(func(a *allocator.Allocator) { a.UpdateQuotas(quotas) })
}

// What a limit leaves is offered of an agent, and the rest to others.
func TestOffersAreCutToLimits(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "", "cpus:3;mem:512"))
	c.addFramework("f", "r")
	c.addFramework("g", "s")
	c.addAgent("a1", "cpus:2;mem:1024;ports:[1-9]")
	c.expect("0s f/r a1 ports:[1-9]; cpus:2; mem:512", "0s g/s a1 mem:512")
	c.addAgent("a2", "cpus:2;mem:1024;disk:100")
	c.expect("0s g/s a2 cpus:2; mem:1024; disk:100")
	c.decline("g", "a2", 5)
	c.advance(time.Second)
	c.expect("1s f/r a2 cpus:1; disk:100")
}

// A limit holds for a role with the roles below it.
func TestLimitsHoldForRolesBelow(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "", "cpus:3"))
	c.addFramework("f", "r/a")
	c.addFramework("g", "r/b")
	c.addAgent("a1", "cpus:2")
	c.addAgent("a2", "cpus:2")
	c.addAgent("a3", "cpus:2")
	c.expect("0s f/r/a a1 cpus:2", "0s g/r/b a2 cpus:1")
}

// What is reserved to a role counts against its limit, whether it is used or not, and is always offered.
func TestReservationsCountAgainstLimits(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "", "cpus:3"))
	c.addAgent("a1", "cpus(r):2;cpus:4")
	c.addAgent("a2", "cpus(r/x):2;mem:64")
	c.addFramework("f", "r")
	c.expect("0s f/r a2 mem:64", "0s f/r a1 cpus(reservations: [(STATIC,r)]):2")
}

// Revocable resources are no part of a quota.
func TestRevocableResourcesAreNotLimited(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "", "cpus:1"))
	c.tell(func(a *allocator.Allocator) {
		a.AddFramework(aFramework("f", []string{"r"}, mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES), true, allocator.Wishes{})
	})
	added := anAgent(t, "a1", "cpus:4")
	revocable, err := resources.FromProto([]*mesospb.Resource{{
		Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(8)},
		Revocable: &mesospb.Resource_RevocableInfo{},
	}})
	if err != nil {
		t.Fatal(err)
	}
	added.Total = added.Total.Plus(revocable)
	c.tell(func(a *allocator.Allocator) { a.AddAgent(added, nil) })
	c.expect("0s f/r a1 cpus{REV}:8; cpus:1")
}

// Others are not offered what a role is guaranteed, be there a framework in it or not. It is served first.
func TestGuarantees(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "cpus:3;mem:100", ""))
	c.addFramework("g", "s")
	c.addAgent("a1", "cpus:4;mem:1000")
	c.expect("0s g/s a1 cpus:1; mem:900")
	c.addAgent("a2", "cpus:4;mem:1000")
	c.expect("0s g/s a2 cpus:4; mem:1000")
	c.addFramework("f", "r")
	c.expect("0s f/r a1 cpus:3; mem:100")
	c.addAgent("a3", "cpus:1;mem:1000")
	c.addAgent("a4", "cpus:1;mem:1000")
	c.expect("0s f/r a3 cpus:1; mem:1000", "0s f/r a4 cpus:1; mem:1000")
}

// A role is given what it is guaranteed although its share is the greatest, with what else is on the agent as far as nothing of it is
// guaranteed to others.
func TestTheGuaranteedAreServedFirst(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "cpus:6", "mem:600"), quota(t, "q", "mem:200", ""))
	c.addFramework("f", "r")
	c.addFramework("g", "s")
	c.addAgent("a1", "cpus:4;mem:500;ports:[1-9]")
	c.expect("0s f/r a1 ports:[1-9]; cpus:4; mem:300")
	c.addAgent("a2", "cpus:4;mem:500;ports:[1-9]")
	c.expect("0s f/r a2 ports:[1-9]; cpus:4; mem:300", "0s g/s a2 mem:200")
}

// What frameworks in roles below have counts, and they are given what the role above is guaranteed.
func TestGuaranteesHoldForRolesBelow(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "cpus:4", ""))
	c.addFramework("g", "s")
	c.addFramework("f", "r/x")
	c.addAgent("a1", "cpus:4")
	c.expect("0s f/r/x a1 cpus:4")
	c.addAgent("a2", "cpus:4")
	c.expect("0s g/s a2 cpus:4")
}

// Quotas of a registry make the allocator wait for agents after a failover, but not for ever.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for _, back := range []int{8, 7} {
		c := start(t, allocator.Defaults())
		quotas := []allocator.Quota{quota(t, "r", "cpus:1", "")}
		c.tell(func(a *allocator.Allocator) { a.Recover(10, quotas) })
		c.addFramework("f", "r")
		for i := range back {
			c.expect()
			c.addAgent(ids.Agent(rune('a'+i)), "cpus:1")
		}
		if back < 8 {
			c.advance(10*time.Minute - time.Second)
			c.expect()
			c.advance(time.Second)
		}
		if len(c.log) != back {
			t.Errorf("%d of 10 agents came back, and offers were %v", back, c.log)
		}
	}
	c := start(t, allocator.Defaults())
	c.tell(func(a *allocator.Allocator) { a.Recover(10, nil) })
	c.addFramework("f", "r")
	c.addAgent("a1", "cpus:1")
	c.expect("0s f/r a1 cpus:1")
}

// Without its quota a role is offered everything.
func TestQuotasAreRemoved(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.setQuotas(quota(t, "r", "", "cpus:1"), quota(t, "x/y", "", "cpus:1"))
	c.addFramework("f", "r")
	c.addAgent("a1", "cpus:3")
	c.expect("0s f/r a1 cpus:1")
	c.setQuotas()
	c.advance(time.Second)
	c.expect("1s f/r a1 cpus:2")
}

func TestMetricsOfQuotas(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	q := quota(t, "r", "cpus:1", "")
	q.Limits = resources.LimitsOf(map[string]resources.Quantity{"cpus": 3 * resources.Unit, "gpus": 0})
	c.setQuotas(q)
	c.addFramework("f", "r/x")
	c.addAgent("a1", "cpus:4")
	values, err := sim.Await(c.world, metrics.Of(c.node, 0), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, v := range values {
		got[v.Key] = v.Value
	}
	for key, want := range map[string]float64{
		"cpus/guarantee": 1, "cpus/limit": 3, "gpus/limit": 0, "cpus/offered_or_allocated": 3, "gpus/offered_or_allocated": 0,
	} {
		if value, ok := got["allocator/mesos/quota/roles/r/resources/"+key]; !ok || value != want {
			t.Errorf("%s is %v (%v), want %v", key, value, ok, want)
		}
	}
}
