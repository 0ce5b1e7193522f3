package allocator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// cluster is an allocator on virtual time, with a log of what it offered.
type cluster struct {
	t     *testing.T
	world *sim.World
	ref   runtime.Ref[*allocator.Allocator]
	start time.Time
	log   []string
	last  map[ids.Framework]map[ids.Agent]resources.Resources // the last offers, by whom they were made to
}

func start(t *testing.T, config allocator.Config) *cluster {
	t.Helper()
	world := sim.New(1)
	t.Cleanup(world.Close)
	c := &cluster{t: t, world: world, start: world.Now(), last: map[ids.Framework]map[ids.Agent]resources.Resources{}}
	var err error
	c.ref, err = runtime.Spawn(world.Node("10.0.0.1:5050"), "allocator", allocator.New(config, c.offered))
	if err != nil {
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
	c.tell(func(a *allocator.Allocator) { a.AddFramework(aFramework(id, roles), true, nil) })
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
	c := start(t, allocator.Config{})
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4;mem:1024;ports:[1-10]")
	c.expect("0s f/* a cpus:4; mem:1024; ports:[1-10]")
	c.advance(10 * time.Second)
	c.expect()
}

func TestADeclinedAgentIsOfferedAgainWhenTheFilterHasExpired(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Config{})
	c.addFramework("f", "*")
	c.addAgent("a", "cpus:4;mem:1024")
	c.expect("0s f/* a cpus:4; mem:1024")
	c.advance(200 * time.Millisecond)
	c.decline("f", "a", 5) // until 5.2s
	c.advance(10 * time.Second)
	c.expect("6s f/* a cpus:4; mem:1024")
}
