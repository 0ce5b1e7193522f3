package allocator

import (
	"strings"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

const defaultWeight = 1

// roleTree holds the roles with frameworks, reservations, a weight or a quota, and all roles above them, in the order in
// which they are served.
type roleTree struct {
	pool    *pool
	root    *role
	known   map[string]*role
	limited []*role // those with quotas, by name
	order   []*role // a cache, if valid is set
	valid   bool
}

// role is a node of the tree. It contends twice: as a subtree, against the other children of its parent; and in its
// own right, against its own children.
type role struct {
	name     string           // shares memory with the roles below: a role can have thousands of levels
	parent   *role            // nil for the root
	children map[string]*role // by the last component of their names

	subtree    standing[*role] // among the parent's contenders
	self       standing[*role] // among its own contenders
	contenders ranking[*role]

	clients  map[ids.Framework]*client
	eager    ranking[*client] // the clients that want offers
	reserved usage            // reservations for the role and all roles below, allocated or not
	consumed usage            // unreserved, non-revocable resources in use by the role and all roles below

	quota     *Quota // nil: nothing is guaranteed, and nothing limited
	committed usage  // if there is a quota: what the role and all roles below hold, and what is reserved to nobody
}

// client is a framework in one role: one it subscribes to, or one it left but still holds resources in.
type client struct {
	standing[*client]
	framework *framework
	role      *role
	refused   map[ids.Agent][]*refusal
	announced bool // every agent is to be visited for it; see book
	stamp     uint64
}

func newRoleTree(p *pool) *roleTree {
	t := &roleTree{pool: p, known: map[string]*role{}}
	t.root = t.newRole("", nil)
	return t
}

func (t *roleTree) newRole(name string, parent *role) *role {
	r := &role{name: name, parent: parent, children: map[string]*role{}, clients: map[ids.Framework]*client{}}
	r.contenders.pool, r.eager.pool = t.pool, t.pool
	r.subtree = standing[*role]{owner: r, name: lastComponent(name), weight: defaultWeight}
	r.self = standing[*role]{owner: r, name: ".", weight: defaultWeight} // no component of a role is a single dot
	return r
}

// ensure returns the named role. It adds the role and the roles above it if necessary.
func (t *roleTree) ensure(name string) *role {
	if r, ok := t.known[name]; ok {
		return r
	}
	parent := t.root
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		parent = t.ensure(name[:i])
	}
	r := t.newRole(name, parent)
	parent.children[r.subtree.name] = r
	t.known[name] = r
	return r
}

func lastComponent(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// prune removes r and the roles above it that are no longer needed.
func (t *roleTree) prune(r *role) {
	for r != t.root && r.isForgettable() {
		delete(t.known, r.name)
		delete(r.parent.children, r.subtree.name)
		r = r.parent
	}
}

func (r *role) isForgettable() bool {
	return len(r.children) == 0 && len(r.clients) == 0 && r.reserved.isZero() && r.consumed.isZero() &&
		r.subtree.weight == defaultWeight && r.quota == nil
}

// isContending reports whether r or a role below it has frameworks.
func (r *role) isContending() bool { return len(r.clients) > 0 || len(r.contenders.entries) > 0 }

// join adds a client to its role, and ranks the role if this is its first client.
func (t *roleTree) join(c *client) {
	r := c.role
	r.clients[c.framework.id] = c
	if !r.self.ranked {
		r.contenders.enter(&r.self)
	}
	for ; r != t.root && !r.subtree.ranked; r = r.parent {
		r.parent.contenders.enter(&r.subtree)
	}
	t.valid = false
}

// quit removes a client that holds nothing from its role, and unranks the role if this was its last client.
func (t *roleTree) quit(c *client) {
	r := c.role
	t.setEager(c, false)
	delete(r.clients, c.framework.id)
	if len(r.clients) == 0 {
		r.contenders.leave(&r.self)
		r.self.rounds = 0
	}
	for top := r; top != t.root && !top.isContending(); top = top.parent {
		top.parent.contenders.leave(&top.subtree)
		top.subtree.rounds = 0
	}
	t.valid = false
	t.prune(r)
}

// setEager sets whether a client is to be made offers.
func (t *roleTree) setEager(c *client, eager bool) {
	switch {
	case eager && !c.ranked:
		c.role.eager.enter(&c.standing)
	case !eager && c.ranked:
		c.role.eager.leave(&c.standing)
	}
}

// setWeight sets a role's weight, by which its share is divided.
func (t *roleTree) setWeight(name string, weight float64) {
	r := t.ensure(name)
	r.parent.contenders.update(&r.subtree, func(s *standing[*role]) { s.weight = weight })
	t.valid = false
	t.prune(r)
}

// charge records that c was given rs, which are on agent.
func (t *roleTree) charge(c *client, agent ids.Agent, rs resources.Resources) {
	c.role.eager.update(&c.standing, func(s *standing[*client]) {
		s.used.add(t.pool, agent, rs)
		s.rounds++
	})
	t.above(c.role, func(s *standing[*role]) {
		s.used.add(t.pool, agent, rs)
		s.rounds++
	})
}

// credit records that c gave rs back.
func (t *roleTree) credit(c *client, agent ids.Agent, rs resources.Resources) {
	c.role.eager.update(&c.standing, func(s *standing[*client]) { s.used.subtract(t.pool, agent, rs) })
	t.above(c.role, func(s *standing[*role]) { s.used.subtract(t.pool, agent, rs) })
}

// above changes the standings of r in its own right, of r as a subtree, and of all roles above it.
func (t *roleTree) above(r *role, change func(*standing[*role])) {
	r.contenders.update(&r.self, change)
	for ; r != t.root; r = r.parent {
		r.parent.contenders.update(&r.subtree, change)
	}
	t.valid = false
}

// reserve adds or subtracts reservations; add is [usage.add] or [usage.subtract].
func (t *roleTree) reserve(agent ids.Agent, reserved resources.Resources, add addition) {
	for _, name := range reserved.ReservationRoles() {
		r := t.ensure(name)
		part := reserved.Reserved(name)
		for up := r; up != nil; up = up.parent {
			add(&up.reserved, t.pool, agent, part)
		}
		t.prune(r)
	}
}

// consume adds or subtracts the consumed part of used, which is neither reserved nor revocable.
func (t *roleTree) consume(agent ids.Agent, used resources.Resources, add addition) {
	counted := used.Filter(func(r resources.Resource) bool { return !r.IsReserved() && !r.IsRevocable() })
	for _, name := range counted.AllocationRoles() {
		part := counted.AllocatedTo(name)
		r := t.ensure(name)
		for up := r; up != nil; up = up.parent {
			add(&up.consumed, t.pool, agent, part)
		}
		t.prune(r)
	}
}

// each calls yield for the clients in r and below that want offers, next to be served first, until yield returns
// false. It reports whether yield never did. yield must not change the tree.
func (r *role) each(yield func(*client) bool) bool {
	for _, s := range r.contenders.ordered() {
		if s != &s.owner.self {
			if !s.owner.each(yield) {
				return false
			}
			continue
		}
		for _, c := range r.eager.ordered() {
			if !yield(c.owner) {
				return false
			}
		}
	}
	return true
}

// eagerInOrder appends the clients of r that want offers to out, next to be served first.
func (r *role) eagerInOrder(out []*client) []*client {
	for _, s := range r.eager.ordered() {
		out = append(out, s.owner)
	}
	return out
}

// addition is [usage.add] or [usage.subtract].
type addition func(u *usage, p *pool, agent ids.Agent, rs resources.Resources)

// inOrder returns the roles with frameworks, next to be served first. The slice is valid until the next call.
func (t *roleTree) inOrder() []*role {
	if !t.valid || !t.root.contenders.current() {
		t.order = t.root.appendInOrder(t.order[:0])
		t.valid = true
	}
	return t.order
}

func (r *role) appendInOrder(out []*role) []*role {
	for _, s := range r.contenders.ordered() {
		if s == &s.owner.self {
			out = append(out, s.owner)
			continue
		}
		out = s.owner.appendInOrder(out)
	}
	return out
}
