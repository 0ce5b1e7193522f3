package allocator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// twin is the allocator written straight from its definition. It remembers nothing but what happened, looks at every
// agent for everybody in every cycle, and computes every share from what is held.
type twin struct {
	agents  []twinAgent // by id
	clients []*twinClient
	held    []holding
	refused []twinRefusal
	weights map[string]float64
	rounds  map[string]int // how often a subtree, or with /. a role in its own right, was served
	policy  *policy
}

type twinAgent struct {
	id    ids.Agent
	total resources.Resources
}

type twinClient struct {
	framework ids.Framework
	role      string
	eager     bool
	rounds    int
}

type holding struct {
	client *twinClient
	agent  ids.Agent
	rs     resources.Resources // not allocated
}

type twinRefusal struct {
	client *twinClient
	agent  ids.Agent
	rs     resources.Resources
	until  time.Time
}

// cycle returns the offers of an allocation cycle, one line each.
func (w *twin) cycle(now time.Time) (lines []string) {
	w.refused = slices.DeleteFunc(w.refused, func(r twinRefusal) bool { return r.until.Before(now) })
	for _, a := range w.agents {
		for _, role := range w.below("") {
			for _, c := range w.inRole(role) {
				free := w.free(a).AllocatableTo(role)
				if !free.IsEmpty() && c.eager && w.suffices(free) && !w.isRefused(c, a.id, free) {
					w.held = append(w.held, holding{c, a.id, free})
					w.serve(c)
					lines = append(lines, fmt.Sprintf("%s/%s %s %s", c.framework, role, a.id, free))
				}
			}
		}
	}
	return lines
}

// serve counts.
func (w *twin) serve(c *twinClient) {
	c.rounds++
	w.rounds[c.role+"/."]++
	for path := c.role; path != ""; path = path[:max(0, strings.LastIndexByte(path, '/'))] {
		w.rounds[path]++
	}
}

// quit removes clients; what they leave empty starts counting anew.
func (w *twin) quit(gone func(*twinClient) bool) {
	w.clients = slices.DeleteFunc(w.clients, gone)
	for path := range w.rounds {
		role, own := strings.CutSuffix(path, "/.")
		if !slices.ContainsFunc(w.clients, func(c *twinClient) bool {
			return c.role == role || !own && strings.HasPrefix(c.role, role+"/")
		}) {
			delete(w.rounds, path)
		}
	}
}

func (w *twin) free(a twinAgent) resources.Resources {
	free := a.total
	for _, h := range w.held {
		if h.agent == a.id {
			free = free.Minus(h.rs)
		}
	}
	return free
}

func (w *twin) suffices(rs resources.Resources) bool {
	return slices.ContainsFunc(w.policy.minimum, rs.Satisfies)
}

func (w *twin) isRefused(c *twinClient, id ids.Agent, rs resources.Resources) bool {
	return slices.ContainsFunc(w.refused, func(r twinRefusal) bool {
		return r.client == c && r.agent == id && r.rs.Contains(rs)
	})
}

// below returns the roles with frameworks under a role, and itself, in the order they are served in.
func (w *twin) below(role string) []string {
	type contender struct {
		name   string
		share  float64
		rounds int
		roles  func() []string
	}
	var all []contender
	children := map[string]bool{}
	for _, c := range w.clients {
		rest, under := strings.CutPrefix(c.role, role+"/")
		if role == "" {
			rest, under = c.role, true
		}
		if c.role == role {
			children["."] = true
		} else if under {
			child, _, _ := strings.Cut(rest, "/")
			children[child] = true
		}
	}
	for child := range children {
		path := strings.TrimPrefix(role+"/"+child, "/")
		in := func(c *twinClient) bool { return c.role == path || strings.HasPrefix(c.role, path+"/") }
		roles := func() []string { return w.below(path) }
		if child == "." {
			in = func(c *twinClient) bool { return c.role == role }
			roles = func() []string { return []string{role} }
		}
		all = append(all, contender{path, w.share(in) / w.weight(path), w.rounds[path], roles})
	}
	slices.SortFunc(all, func(a, b contender) int {
		return cmp.Or(cmp.Compare(a.share, b.share), cmp.Compare(a.rounds, b.rounds), cmp.Compare(a.name, b.name))
	})
	var out []string
	for _, c := range all {
		out = append(out, c.roles()...)
	}
	return out
}

func (w *twin) weight(path string) float64 {
	if weight, ok := w.weights[path]; ok {
		return weight
	}
	return 1
}

// inRole returns the clients of a role in the order they are served in.
func (w *twin) inRole(role string) []*twinClient {
	var out []*twinClient
	for _, c := range w.clients {
		if c.role == role {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *twinClient) int {
		sa := w.share(func(c *twinClient) bool { return c == a })
		sb := w.share(func(c *twinClient) bool { return c == b })
		return cmp.Or(cmp.Compare(sa, sb), cmp.Compare(a.rounds, b.rounds), cmp.Compare(a.framework, b.framework))
	})
	return out
}

// share is the dominant share of some clients together.
func (w *twin) share(in func(*twinClient) bool) (share float64) {
	var total resources.Quantities
	for _, a := range w.agents {
		total = total.Plus(a.total.ScalarQuantities())
	}
	var sum resources.Quantities
	for _, h := range w.held {
		if in(h.client) {
			sum = sum.Plus(h.rs.ScalarQuantities())
		}
	}
	for name, amount := range sum.All() {
		if total.Get(name) > 0 {
			share = max(share, float64(amount)/float64(total.Get(name)))
		}
	}
	return share
}

// pair drives a book and its twin through the same events.
type pair struct {
	t    *rapid.T
	book *book
	twin twin
	now  time.Time
	n    int // of agents there have been
}

func newPair(t *rapid.T) *pair {
	p := &pair{t: t, book: newBook(nil), now: time.Unix(0, 0)}
	p.twin = twin{weights: map[string]float64{}, rounds: map[string]int{}, policy: &policy{minimum: Defaults().Minimum}}
	for i := range frameworkRoles {
		p.addFramework(i)
	}
	return p
}

var frameworkRoles = [][]string{{"a"}, {"a", "a/x"}, {"b/y"}, {"b/y", "b/z"}, {"*"}}

func (p *pair) addFramework(i int) {
	id := ids.Framework(fmt.Sprintf("f%d", i))
	p.book.addFramework(&mesospb.FrameworkInfo{
		Id:           id.Proto(),
		Roles:        frameworkRoles[i],
		Capabilities: []*mesospb.FrameworkInfo_Capability{{Type: mesospb.FrameworkInfo_Capability_MULTI_ROLE.Enum()}},
	}, true, Wishes{})
	for _, role := range frameworkRoles[i] {
		p.twin.clients = append(p.twin.clients, &twinClient{framework: id, role: role, eager: true})
	}
}

// replaceFramework removes a framework and, maybe, adds it again, knowing nothing.
func (p *pair) replaceFramework() {
	i := rapid.IntRange(0, len(frameworkRoles)-1).Draw(p.t, "framework")
	id := ids.Framework(fmt.Sprintf("f%d", i))
	if f := p.book.frameworks[id]; f != nil {
		p.book.removeFramework(f)
		its := func(c *twinClient) bool { return c.framework == id }
		p.twin.held = slices.DeleteFunc(p.twin.held, func(h holding) bool { return its(h.client) })
		p.twin.refused = slices.DeleteFunc(p.twin.refused, func(r twinRefusal) bool { return its(r.client) })
		p.twin.quit(its)
	}
	if rapid.Bool().Draw(p.t, "again") {
		p.addFramework(i)
	}
}

// cycle compares what both offer.
func (p *pair) cycle() {
	p.book.expire(p.now)
	agents := p.book.takeAll()
	slices.SortFunc(agents, func(a, b *agent) int { return cmp.Compare(a.id, b.id) })
	c := newCycle(p.book, p.twin.policy)
	c.run(agents)
	p.book.settle(agents, true)
	var got []string
	for _, f := range c.order {
		for _, o := range c.offers[f] {
			got = append(got, fmt.Sprintf("%s/%s %s %s", f.id, o.Role, o.Agent, o.Resources.Unallocate()))
		}
	}
	want := p.twin.cycle(p.now)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.t.Fatalf("at %s the book offers\n%s\nits twin\n%s", p.now.Sub(time.Unix(0, 0)),
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	p.check()
}

// check compares what is free, and that nothing is held twice.
func (p *pair) check() {
	for _, a := range p.twin.agents {
		of := p.book.agent(a.id)
		if !of.available.Equal(p.twin.free(a)) {
			p.t.Fatalf("agent %s has %s free; its twin %s", a.id, of.available, p.twin.free(a))
		}
		if !of.total.Contains(of.used) {
			p.t.Fatalf("agent %s has %s but %s is held", a.id, of.total, of.used)
		}
	}
}

func (p *pair) addAgent() {
	text := fmt.Sprintf("cpus:%d;mem:%d;ports:[1-9]", rapid.IntRange(1, 9).Draw(p.t, "cpus"), rapid.IntRange(1, 99).Draw(p.t, "mem"))
	text += rapid.SampledFrom([]string{"", ";cpus(a):2", ";mem(b/y):64;disk(b):7"}).Draw(p.t, "reserved")
	total, err := resources.Parse(text, "*")
	if err != nil {
		p.t.Fatal(err)
	}
	p.n++
	id := ids.Agent(fmt.Sprintf("s%03d", p.n))
	var declared []*mesospb.SlaveInfo_Capability
	for _, typ := range []mesospb.SlaveInfo_Capability_Type{
		mesospb.SlaveInfo_Capability_MULTI_ROLE, mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE,
	} {
		declared = append(declared, &mesospb.SlaveInfo_Capability{Type: typ.Enum()})
	}
	p.book.addAgent(Agent{
		Info: &mesospb.SlaveInfo{Id: id.Proto(), Hostname: proto.String("h")}, Capabilities: declared, Total: total,
	}, nil)
	p.twin.agents = append(p.twin.agents, twinAgent{id, total})
}

func (p *pair) removeAgent() {
	if len(p.twin.agents) == 0 {
		return
	}
	i := rapid.IntRange(0, len(p.twin.agents)-1).Draw(p.t, "removed")
	id := p.twin.agents[i].id
	p.book.removeAgent(p.book.agent(id))
	p.twin.agents = slices.Delete(p.twin.agents, i, i+1)
	p.twin.held = slices.DeleteFunc(p.twin.held, func(h holding) bool { return h.agent == id })
	p.twin.refused = slices.DeleteFunc(p.twin.refused, func(r twinRefusal) bool { return r.agent == id })
}

// giveBack returns all or part of a holding, as declined offers and ended tasks do.
func (p *pair) giveBack() {
	if len(p.twin.held) == 0 {
		return
	}
	h := &p.twin.held[rapid.IntRange(0, len(p.twin.held)-1).Draw(p.t, "holding")]
	back := h.rs
	if rapid.Bool().Draw(p.t, "part") {
		back = back.Filter(func(r resources.Resource) bool { return r.Name() == "cpus" })
	}
	p.release(h, back, rapid.IntRange(0, 9).Draw(p.t, "seconds"))
}

// everybodyDeclines returns all that is held.
func (p *pair) everybodyDeclines() {
	for i := range p.twin.held {
		p.release(&p.twin.held[i], p.twin.held[i].rs, 30)
	}
}

func (p *pair) release(h *holding, back resources.Resources, seconds int) {
	if back.IsEmpty() {
		return
	}
	h.rs = h.rs.Minus(back)
	a, f := p.book.agent(h.agent), p.book.framework(h.client.framework)
	allocated := back.Allocate(h.client.role)
	p.book.release(f.id, a, allocated)
	p.book.unsettle(a)
	if seconds > 0 {
		until := p.now.Add(time.Duration(seconds) * time.Second)
		p.book.refuse(f, a, allocated, until)
		p.twin.refused = append(p.twin.refused, twinRefusal{h.client, h.agent, back, until})
	}
}

func (p *pair) anyClient() *twinClient {
	if len(p.twin.clients) == 0 {
		p.addFramework(0)
	}
	return rapid.SampledFrom(p.twin.clients).Draw(p.t, "client")
}

func (p *pair) suppress() {
	c := p.anyClient()
	c.eager = false
	p.book.suppress(p.book.framework(c.framework), []string{c.role})
}

func (p *pair) revive() {
	c := p.anyClient()
	c.eager = true
	p.twin.refused = slices.DeleteFunc(p.twin.refused, func(r twinRefusal) bool { return r.client == c })
	p.book.revive(p.book.framework(c.framework), []string{c.role})
}

func (p *pair) setWeight() {
	role := rapid.SampledFrom([]string{"a", "b", "b/y", "*"}).Draw(p.t, "role")
	weight := float64(rapid.IntRange(1, 4).Draw(p.t, "weight")) / 2
	p.twin.weights[role] = weight
	p.book.roles.setWeight(role, weight)
}

func TestTheBookAgreesWithItsNaiveTwin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(t)
		steps := []func(){
			p.addAgent, p.addAgent, p.removeAgent, p.giveBack, p.giveBack, p.giveBack, p.everybodyDeclines,
			p.suppress, p.revive, p.revive, p.setWeight, p.replaceFramework,
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for range rapid.IntRange(0, 4).Draw(t, "events") {
				steps[rapid.IntRange(0, len(steps)-1).Draw(t, "event")]()
			}
			p.now = p.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "wait")) * time.Second)
			p.cycle()
		}
	})
}
