package allocator

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"meseta/messages/capabilities"
	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// book records the resources that each framework holds and the agents that the next cycle must visit.
//
// Invariant: an agent's available is its total minus what is held, except that shared resources stay available.
//
// Invariant: the usage of a client, a role and a subtree is the sum of what known frameworks hold, by the role it is
// allocated to.
//
// Invariant: visiting a settled agent for a client that is not announced would yield no offer.
type book struct {
	agents     map[ids.Agent]*agent
	frameworks map[ids.Framework]*framework
	orphans    map[ids.Framework]map[*agent]bool // the agents on which unknown frameworks hold resources
	pool       *pool
	roles      *roleTree
	refusals   refusals
	held       usage // by all frameworks together

	everyAgent []*agent  // in the order they were added
	unsettled  []*agent  // to be visited for a reason of their own
	stamp      uint64    // marks the clients that an agent is visited for; never repeats
	announced  []*client // for which every agent is to be visited
}

// agent is the allocator's record of an agent.
type agent struct {
	id      ids.Agent
	info    *mesospb.SlaveInfo
	can     capabilities.Agent
	active  bool
	removed bool

	total     resources.Resources
	available resources.Resources // not allocated
	used      resources.Resources // not allocated: the sum of held
	held      map[ids.Framework]resources.Resources
	inUse     resources.Resources // the part of held that tasks and executors use; allocated

	shares bool // has shared resources, which are never used up
	plain  bool // has no reserved, revocable or shared resources
	gpus   bool

	cut        bool      // a client was offered less than it could have been, because of quotas
	unsettled  bool      // is in book.unsettled
	everybody  bool      // visit it for all clients
	interested []*client // otherwise visit it for these
}

// framework is the allocator's record of a framework.
type framework struct {
	id          ids.Framework
	info        *mesospb.FrameworkInfo
	prefix      string // of its metrics
	active      bool
	can         capabilities.Framework
	minimum     map[string][]resources.Quantities // by role; overrides the configured one
	constraints map[string]constraints            // by role
	subscribed  map[string]bool                   // roles
	suppressed  map[string]bool                   // roles
	clients     map[string]*client                // by role; includes roles it left but still holds resources in
	on          map[*agent]bool                   // the agents it holds resources on
}

func newBook(excluded []string) *book {
	p := newPool(excluded)
	return &book{
		agents: map[ids.Agent]*agent{}, frameworks: map[ids.Framework]*framework{},
		orphans: map[ids.Framework]map[*agent]bool{}, pool: p, roles: newRoleTree(p),
	}
}

// agent returns the agent with an ID. It panics if the agent is unknown, which is a bug of the master's.
func (b *book) agent(id ids.Agent) *agent {
	a, ok := b.agents[id]
	if !ok {
		panic(fmt.Sprintf("allocator: agent %s is unknown", id))
	}
	return a
}

// framework returns the framework with an ID. It panics if the framework is unknown, which is a bug of the master's.
func (b *book) framework(id ids.Framework) *framework {
	f, ok := b.frameworks[id]
	if !ok {
		panic(fmt.Sprintf("allocator: framework %s is unknown", id))
	}
	return f
}

// ---- agents ----

// addAgent adds an agent.
func (b *book) addAgent(added Agent, used map[ids.Framework]resources.Resources) *agent {
	a := &agent{
		id: ids.AgentOf(added.Info.GetId()), info: added.Info, active: true,
		held: map[ids.Framework]resources.Resources{},
	}
	if _, known := b.agents[a.id]; known {
		panic(fmt.Sprintf("allocator: agent %s is known already", a.id))
	}
	a.learnCapabilities(added.Capabilities)
	b.agents[a.id] = a
	b.everyAgent = append(b.everyAgent, a)
	b.setTotal(a, added.Total)
	for _, id := range slices.Sorted(maps.Keys(used)) {
		b.hold(id, a, used[id])
		b.use(a, used[id])
	}
	b.unsettle(a)
	return a
}

// updateAgent applies a new description of a and reports whether anything changed.
func (b *book) updateAgent(a *agent, now Agent) bool {
	changed := a.learnCapabilities(now.Capabilities)
	if !equal.Attributes(a.info.GetAttributes(), now.Info.GetAttributes()) {
		b.dropRefusalsOf(a)
	}
	if !equal.Agent(a.info, now.Info) {
		a.info, changed = now.Info, true
	}
	changed = b.setTotal(a, now.Total) || changed
	if changed {
		b.unsettle(a)
	}
	return changed
}

// removeAgent removes a and releases everything held on it.
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

// setTotal changes the total resources of a and reports whether they differ from before.
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
	a.plain = total.Equal(total.Filter(isPlain))
	a.gpus = total.GPUs() > 0
	a.recount()
	return true
}

// dropRefusalsOf ends all refusals of agent a.
func (b *book) dropRefusalsOf(a *agent) {
	for _, f := range b.frameworks {
		for _, c := range f.clients {
			b.refusals.dropAgent(c, a.id)
		}
	}
}

func isPlain(r resources.Resource) bool { return !r.IsReserved() && !r.IsRevocable() && !r.IsShared() }

// recount recomputes a.available.
func (a *agent) recount() {
	if !a.shares {
		a.available = a.total.Minus(a.used)
		return
	}
	a.available = a.total.NonShared().Minus(a.used.NonShared()).Plus(a.total.Shared())
}

// ---- who holds what ----

// hold records that a framework, which need not be known yet, was given rs, each allocated to a role.
func (b *book) hold(id ids.Framework, a *agent, rs resources.Resources) {
	if rs.IsEmpty() {
		return
	}
	a.held[id] = a.held[id].Plus(rs)
	a.used = a.used.Plus(rs.Unallocate())
	a.recount()
	b.held.add(b.pool, a.id, rs)
	b.roles.commit(a.id, rs, (*usage).add)
	f := b.frameworks[id]
	if f == nil {
		b.noteOrphan(id, a)
		return
	}
	b.charge(f, a, rs)
}

// noteOrphan records that an unknown framework holds resources on a.
func (b *book) noteOrphan(id ids.Framework, a *agent) {
	if b.orphans[id] == nil {
		b.orphans[id] = map[*agent]bool{}
	}
	b.orphans[id][a] = true
}

// forgetOrphan records that an unknown framework no longer holds resources on a.
func (b *book) forgetOrphan(id ids.Framework, a *agent) {
	delete(b.orphans[id], a)
	if len(b.orphans[id]) == 0 {
		delete(b.orphans, id)
	}
}

func (b *book) charge(f *framework, a *agent, rs resources.Resources) {
	f.on[a] = true
	for _, name := range rs.AllocationRoles() {
		b.roles.charge(b.client(f, name), a.id, rs.AllocatedTo(name))
	}
}

// release records that a framework no longer holds rs.
func (b *book) release(id ids.Framework, a *agent, rs resources.Resources) {
	held := a.held[id]
	if !held.Contains(rs) {
		panic(fmt.Sprintf("allocator: framework %s gives back %s of agent %s but holds %s", id, rs, a.id, held))
	}
	b.held.subtract(b.pool, a.id, rs)
	b.roles.commit(a.id, rs, (*usage).subtract)
	a.used = a.used.Minus(rs.Unallocate())
	a.recount()
	left := held.Minus(rs)
	if a.held[id] = left; left.IsEmpty() {
		delete(a.held, id)
	}
	f := b.frameworks[id]
	if f == nil {
		if left.IsEmpty() {
			b.forgetOrphan(id, a)
		}
		return
	}
	if left.IsEmpty() {
		delete(f.on, a)
	}
	for _, name := range rs.AllocationRoles() {
		c := f.clients[name]
		b.roles.credit(c, a.id, rs.AllocatedTo(name))
		b.tryQuit(c)
	}
}

// use records that tasks and executors use rs, which must be held. It counts as consumed.
func (b *book) use(a *agent, rs resources.Resources) {
	a.inUse = a.inUse.Plus(rs)
	b.roles.consume(a.id, rs, (*usage).add)
}

// unuse records that tasks and executors no longer use rs.
func (b *book) unuse(a *agent, rs resources.Resources) {
	if !a.inUse.Contains(rs) {
		panic(fmt.Sprintf("allocator: %s of agent %s is not in use; %s is", rs, a.id, a.inUse))
	}
	a.inUse = a.inUse.Minus(rs)
	b.roles.consume(a.id, rs, (*usage).subtract)
}

// client returns the client for f in a role, and adds it if there is none. f need not be subscribed to the role.
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

// tryQuit removes a client that has left its role and holds nothing in it.
func (b *book) tryQuit(c *client) {
	if c.framework.subscribed[c.role.name] || !c.used.isZero() || b.holdsAnything(c) {
		return
	}
	b.refusals.dropClient(c)
	delete(c.framework.clients, c.role.name)
	b.roles.quit(c)
}

// holdsAnything reports whether c holds any resources. Unlike c.used it sees resources that are not scalars.
func (b *book) holdsAnything(c *client) bool {
	for a := range c.framework.on {
		if !a.held[c.framework.id].AllocatedTo(c.role.name).IsEmpty() {
			return true
		}
	}
	return false
}

// refuse records that f does not want to be offered rs, or a part of it, on an agent until the given time.
func (b *book) refuse(f *framework, a *agent, rs resources.Resources, until time.Time) {
	if c := f.clients[rs.AllocationRoles()[0]]; c != nil {
		b.refusals.add(&refusal{client: c, agent: a, resources: rs.Unallocate(), until: until})
	}
}

// convert applies conversions to what a framework was offered on a, and to the total resources of a.
func (b *book) convert(id ids.Framework, a *agent, offered resources.Resources, conversions []resources.Conversion) {
	after := mustApply(a, offered, conversions)
	var unallocated []resources.Conversion
	for _, c := range conversions {
		if c.Consumed.IsEmpty() {
			continue // another copy of a shared volume; the agent's total does not change
		}
		unallocated = append(unallocated, c.Unallocate())
	}
	total := mustApply(a, a.total, unallocated)
	b.hold(id, a, after.Minus(offered)) // only what is new: ranges that are held twice would be released together
	b.release(id, a, offered.Minus(after))
	b.setTotal(a, total)
	b.unsettle(a)
}

// convertFree applies conversions to the available resources of a. It fails, and changes nothing, if they are not
// available.
func (b *book) convertFree(a *agent, conversions []resources.Conversion) error {
	if _, err := a.available.Apply(conversions...); err != nil {
		return err
	}
	b.setTotal(a, mustApply(a, a.total, conversions))
	b.unsettle(a)
	return nil
}

func mustApply(a *agent, rs resources.Resources, conversions []resources.Conversion) resources.Resources {
	after, err := rs.Apply(conversions...)
	if err != nil {
		panic(fmt.Sprintf("allocator: operations on agent %s: %v", a.id, err))
	}
	return after
}
