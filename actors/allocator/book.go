package allocator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// book knows who holds what, and which agents have to be looked at again.
//
// Invariant: an agent's available is its total without what is held, but with its shared resources. Invariant: what a
// client, a role and a subtree use is what frameworks that are known hold, by the role it is allocated to. Invariant:
// an agent that is not unsettled, looked at for any client that is not announced, would not be offered to it.
type book struct {
	agents     map[ids.Agent]*agent
	frameworks map[ids.Framework]*framework
	orphans    map[ids.Framework][]*agent // that unknown frameworks hold something of
	pool       *pool
	roles      *roleTree
	refusals   refusals
	held       usage // by anybody

	everyAgent []*agent  // in the order they came
	unsettled  []*agent  // to be looked at for a reason of their own
	announced  []*client // for which every agent is to be looked at
}

// agent is what the allocator knows of an agent.
type agent struct {
	id               ids.Agent
	info             *mesospb.SlaveInfo
	multiRole        bool
	hierarchicalRole bool
	active           bool
	removed          bool

	total     resources.Resources
	available resources.Resources // not allocated
	used      resources.Resources // not allocated: the sum of held
	held      map[ids.Framework]resources.Resources
	inUse     resources.Resources // of what is held, what tasks and executors use; allocated

	shares bool // has shared resources, which are never used up
	gpus   bool

	unsettled  bool      // is in book.unsettled
	everybody  bool      // look at it for everybody
	interested []*client // otherwise look at it for these
}

// framework is what the allocator knows of a framework.
type framework struct {
	id         ids.Framework
	active     bool
	can        capabilities
	minimum    map[string][]resources.Quantities // by role; overrides the configured one
	subscribed map[string]bool                   // roles
	suppressed map[string]bool                   // roles
	clients    map[string]*client                // by role, also those it left but still holds resources of
	on         map[*agent]bool                   // where it holds something
}

func newBook(excluded []string) *book {
	p := newPool(excluded)
	return &book{
		agents: map[ids.Agent]*agent{}, frameworks: map[ids.Framework]*framework{},
		orphans: map[ids.Framework][]*agent{}, pool: p, roles: newRoleTree(p),
	}
}

// agent returns a known agent; the master never speaks of others.
func (b *book) agent(id ids.Agent) *agent {
	a, ok := b.agents[id]
	if !ok {
		panic(fmt.Sprintf("allocator: agent %s is unknown", id))
	}
	return a
}

// framework returns a known framework; the master never speaks of others.
func (b *book) framework(id ids.Framework) *framework {
	f, ok := b.frameworks[id]
	if !ok {
		panic(fmt.Sprintf("allocator: framework %s is unknown", id))
	}
	return f
}

// ---- agents ----

func (b *book) addAgent(a *agent, total resources.Resources, used map[ids.Framework]resources.Resources) {
	if _, known := b.agents[a.id]; known {
		panic(fmt.Sprintf("allocator: agent %s is known already", a.id))
	}
	a.held = map[ids.Framework]resources.Resources{}
	b.agents[a.id] = a
	b.everyAgent = append(b.everyAgent, a)
	b.setTotal(a, total)
	for _, id := range slices.Sorted(maps.Keys(used)) {
		b.hold(id, a, used[id])
		b.use(a, used[id])
	}
	b.unsettle(a)
}

func (b *book) removeAgent(a *agent) {
	b.unuse(a, a.inUse)
	for _, id := range slices.Sorted(maps.Keys(a.held)) {
		b.release(id, a, a.held[id])
	}
	b.setTotal(a, resources.Resources{})
	b.dropRefusalsOf(a)
	delete(b.agents, a.id)
	b.everyAgent = slices.DeleteFunc(b.everyAgent, func(other *agent) bool { return other == a })
	a.removed = true
}

// setTotal changes what there is on a and reports whether that is a change.
func (b *book) setTotal(a *agent, total resources.Resources) bool {
	before := a.total
	if before.Equal(total) {
		return false
	}
	b.pool.replace(before, total)
	b.roles.valid = false
	b.roles.reserve(a.id, total.Reserved(""), (*usage).add)
	b.roles.reserve(a.id, before.Reserved(""), (*usage).subtract)
	a.total = total
	a.shares = !total.Shared().IsEmpty()
	a.gpus = total.GPUs() > 0
	a.recount()
	return true
}

// dropRefusalsOf ends all refusals of a.
func (b *book) dropRefusalsOf(a *agent) {
	for _, f := range b.frameworks {
		for _, c := range f.clients {
			b.refusals.dropAgent(c, a.id)
		}
	}
}

// recount computes what is available.
func (a *agent) recount() {
	if !a.shares {
		a.available = a.total.Minus(a.used)
		return
	}
	a.available = a.total.NonShared().Minus(a.used.NonShared()).Plus(a.total.Shared())
}

// ---- who holds what ----

// hold books that a framework, which may be unknown yet, was given rs, each allocated to a role.
func (b *book) hold(id ids.Framework, a *agent, rs resources.Resources) {
	if rs.IsEmpty() {
		return
	}
	a.held[id] = a.held[id].Plus(rs)
	a.used = a.used.Plus(rs.Unallocate())
	a.recount()
	b.held.add(b.pool, a.id, rs)
	f := b.frameworks[id]
	if f == nil {
		b.orphans[id] = append(b.orphans[id], a)
		return
	}
	b.charge(f, a, rs)
}

func (b *book) charge(f *framework, a *agent, rs resources.Resources) {
	f.on[a] = true
	for _, name := range rs.AllocationRoles() {
		b.roles.charge(b.client(f, name), a.id, rs.AllocatedTo(name))
	}
}

// release books that a framework no longer holds rs.
func (b *book) release(id ids.Framework, a *agent, rs resources.Resources) {
	held := a.held[id]
	if !held.Contains(rs) {
		panic(fmt.Sprintf("allocator: framework %s gives back %s of agent %s but holds %s", id, rs, a.id, held))
	}
	b.held.subtract(b.pool, a.id, rs)
	a.used = a.used.Minus(rs.Unallocate())
	a.recount()
	if left := held.Minus(rs); left.IsEmpty() {
		delete(a.held, id)
	} else {
		a.held[id] = left
	}
	f := b.frameworks[id]
	if f == nil {
		return
	}
	if _, holds := a.held[id]; !holds {
		delete(f.on, a)
	}
	for _, name := range rs.AllocationRoles() {
		c := f.clients[name]
		b.roles.credit(c, a.id, rs.AllocatedTo(name))
		b.tryQuit(c)
	}
}

// use books that tasks and executors use rs, which is held. It counts as consumed.
func (b *book) use(a *agent, rs resources.Resources) {
	a.inUse = a.inUse.Plus(rs)
	b.roles.consume(a.id, rs, (*usage).add)
}

// unuse books that they no longer do.
func (b *book) unuse(a *agent, rs resources.Resources) {
	if !a.inUse.Contains(rs) {
		panic(fmt.Sprintf("allocator: %s of agent %s is not in use; %s is", rs, a.id, a.inUse))
	}
	a.inUse = a.inUse.Minus(rs)
	b.roles.consume(a.id, rs, (*usage).subtract)
}

// client returns f in a role, which it may have left or never had.
func (b *book) client(f *framework, name string) *client {
	c, ok := f.clients[name]
	if !ok {
		c = &client{framework: f, role: b.roles.ensure(name)}
		c.standing = standing[*client]{owner: c, name: string(f.id), weight: defaultWeight}
		f.clients[name] = c
		b.roles.join(c)
	}
	return c
}

// tryQuit removes a client that has left its role and holds nothing of it.
func (b *book) tryQuit(c *client) {
	if c.framework.subscribed[c.role.name] || !c.used.isZero() || b.holdsAnything(c) {
		return
	}
	b.refusals.dropClient(c)
	delete(c.framework.clients, c.role.name)
	b.roles.quit(c)
}

// holdsAnything is for resources that are no scalars and do not count.
func (b *book) holdsAnything(c *client) bool {
	for a := range c.framework.on {
		if !a.held[c.framework.id].AllocatedTo(c.role.name).IsEmpty() {
			return true
		}
	}
	return false
}

// ---- frameworks ----

// addFramework starts knowing f, and what it held before.
func (b *book) addFramework(f *framework, roles, suppressed []string) {
	if _, known := b.frameworks[f.id]; known {
		panic(fmt.Sprintf("allocator: framework %s is known already", f.id))
	}
	b.frameworks[f.id] = f
	b.subscribe(f, roles, suppressed)
	agents := b.orphans[f.id]
	delete(b.orphans, f.id)
	for _, a := range agents {
		if held, holds := a.held[f.id]; holds && !a.removed && !f.on[a] {
			b.charge(f, a, held)
		}
	}
}

// removeFramework forgets f and all it holds.
func (b *book) removeFramework(f *framework) {
	for _, a := range f.agents() {
		b.release(f.id, a, a.held[f.id])
		b.unsettle(a)
	}
	f.subscribed = nil
	for _, c := range f.inOrder() {
		b.tryQuit(c)
	}
	delete(b.frameworks, f.id)
}

// subscribe changes f's roles and which of them are suppressed.
func (b *book) subscribe(f *framework, roles, suppressed []string) {
	f.subscribed, f.suppressed = setOf(roles), setOf(suppressed)
	for _, name := range roles {
		b.client(f, name)
	}
	for _, c := range f.inOrder() {
		if !f.subscribed[c.role.name] {
			b.refusals.dropClient(c)
		}
		b.tryQuit(c)
	}
	b.stir(f)
}

// stir makes those of f's clients eager that want offers. For those that did not before, every agent is to be looked
// at.
func (b *book) stir(f *framework) {
	for _, c := range f.inOrder() {
		eager := f.active && f.subscribed[c.role.name] && !f.suppressed[c.role.name]
		if eager && !c.ranked {
			b.announce(c)
		}
		b.roles.setEager(c, eager)
	}
}

// reconsider asks for every agent to be looked at for f, which may want now what it did not before.
func (b *book) reconsider(f *framework) {
	for _, c := range f.inOrder() {
		if c.ranked {
			b.announce(c)
		}
	}
}

// inOrder returns f's clients by role.
func (f *framework) inOrder() []*client {
	out := make([]*client, 0, len(f.clients))
	for _, name := range slices.Sorted(maps.Keys(f.clients)) {
		out = append(out, f.clients[name])
	}
	return out
}

// agents returns the agents that f holds something of, by id.
func (f *framework) agents() []*agent {
	return slices.SortedFunc(maps.Keys(f.on), func(a, b *agent) int { return strings.Compare(string(a.id), string(b.id)) })
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// ---- who is to be looked at ----

// unsettle asks for a to be looked at for everybody.
func (b *book) unsettle(a *agent) {
	a.everybody, a.interested = true, nil
	b.queue(a)
}

// interest asks for a to be looked at for c.
func (b *book) interest(a *agent, c *client) {
	if a.removed || a.everybody {
		return
	}
	a.interested = append(a.interested, c)
	b.queue(a)
}

func (b *book) queue(a *agent) {
	if !a.unsettled {
		a.unsettled = true
		b.unsettled = append(b.unsettled, a)
	}
}

// announce asks for every agent to be looked at for c.
func (b *book) announce(c *client) {
	if !c.announced {
		c.announced = true
		b.announced = append(b.announced, c)
	}
}

// expire ends refusals whose time is over.
func (b *book) expire(now time.Time) {
	b.refusals.expire(now, func(r *refusal) { b.interest(r.agent, r.client) })
}

// takeAll returns the agents to be looked at when all are asked for.
func (b *book) takeAll() []*agent {
	taken := b.unsettled
	b.unsettled = nil
	if len(b.announced) > 0 {
		taken = taken[:0]
		for _, a := range b.everyAgent {
			if !a.available.IsEmpty() {
				taken = append(taken, a)
			}
		}
	}
	return taken
}

// take returns the agents to be looked at of those that are asked for.
func (b *book) take(asked []*agent) []*agent {
	taken := slices.DeleteFunc(asked, func(a *agent) bool { return a.removed || !a.unsettled })
	for _, a := range taken {
		a.unsettled = false
	}
	b.unsettled = slices.DeleteFunc(b.unsettled, func(a *agent) bool { return !a.unsettled })
	return taken
}

// settle books that agents have been looked at. Those with shared resources always have something left.
func (b *book) settle(agents []*agent) {
	for _, a := range agents {
		a.unsettled, a.everybody, a.interested = false, false, nil
		if a.shares && !a.removed {
			b.unsettle(a)
		}
	}
}

// settleAnnounced books that every agent has been looked at for those announced.
func (b *book) settleAnnounced() {
	for _, c := range b.announced {
		c.announced = false
	}
	b.announced = b.announced[:0]
}
