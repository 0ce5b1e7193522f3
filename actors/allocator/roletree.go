package allocator

import (
	"strings"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

const defaultWeight = 1

// roleTree has the roles that matter: with frameworks, with reservations, with a weight, or above such. It keeps them
// in the order they are to be served in.
type roleTree struct {
	pool  *pool
	root  *role
	known map[string]*role
	order []*role // cached, if valid
	valid bool
}

// role is a node of the tree. It contends twice: as a subtree with the other children of its parent, and, in its own
// right, with its own children.
type role struct {
	name     string           // shared with the roles below: a role can have thousands of levels
	parent   *role            // nil for the root
	children map[string]*role // by the last component of their names

	subtree    standing[*role] // among the parent's contenders
	self       standing[*role] // among its own contenders
	contenders ranking[*role]

	clients  map[ids.Framework]*client
	eager    ranking[*client] // the clients that want offers
	reserved usage            // reservations for the role and all below, allocated or not
	consumed usage            // unreserved, not revocable and in use by the role and all below
}

// client is a framework in one of its roles, or in a role it has left but still holds resources of.
type client struct {
	standing[*client]
	framework *framework
	role      *role
	refused   map[ids.Agent][]*refusal
	announced bool // every agent is to be looked at for it; see book
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
	r.self = standing[*role]{owner: r, name: ".", weight: defaultWeight} // no component is a point
	return r
}

// ensure returns the role, which it adds with all above it if need be.
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

// prune forgets r, and those above, as far as nothing is known about them.
func (t *roleTree) prune(r *role) {
	for r != t.root && r.isForgettable() {
		delete(t.known, r.name)
		delete(r.parent.children, r.subtree.name)
		r = r.parent
	}
}

func (r *role) isForgettable() bool {
	return len(r.children) == 0 && len(r.clients) == 0 && r.reserved.isZero() && r.consumed.isZero() &&
		r.subtree.weight == defaultWeight
}

// isContending reports whether there is a framework in r or below.
func (r *role) isContending() bool { return len(r.clients) > 0 || len(r.contenders.entries) > 0 }

// join adds a client to its role, and the role to the competition if it is the first.
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

// quit removes a client, which holds nothing, from its role, and the role from the competition if it was the last.
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

// setEager says whether a client is to be offered anything.
func (t *roleTree) setEager(c *client, eager bool) {
	switch {
	case eager && !c.ranked:
		c.role.eager.enter(&c.standing)
	case !eager && c.ranked:
		c.role.eager.leave(&c.standing)
	}
}

// setWeight changes what a role's share is divided by.
func (t *roleTree) setWeight(name string, weight float64) {
	r := t.ensure(name)
	r.parent.contenders.update(&r.subtree, func(s *standing[*role]) { s.weight = weight })
	t.valid = false
	t.prune(r)
}

// charge books that c was given rs, which are on agent.
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

// credit books that c gave rs back.
func (t *roleTree) credit(c *client, agent ids.Agent, rs resources.Resources) {
	c.role.eager.update(&c.standing, func(s *standing[*client]) { s.used.subtract(t.pool, agent, rs) })
	t.above(c.role, func(s *standing[*role]) { s.used.subtract(t.pool, agent, rs) })
}

// above changes the standings of r in its own right, of r and of all roles above it.
func (t *roleTree) above(r *role, change func(*standing[*role])) {
	r.contenders.update(&r.self, change)
	for ; r != t.root; r = r.parent {
		r.parent.contenders.update(&r.subtree, change)
	}
	t.valid = false
}

// reserve changes what is reserved, where add is [usage.add] or [usage.subtract].
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

// consume changes what is in use and counts as consumed: neither reserved nor revocable.
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

// each yields the clients in r and below that want offers, the next one to serve first, until yield returns false; it
// reports whether it never did. Nothing may be booked meanwhile.
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

// eagerInOrder appends the clients of r that want offers to out, the next one to serve first.
func (r *role) eagerInOrder(out []*client) []*client {
	for _, s := range r.eager.ordered() {
		out = append(out, s.owner)
	}
	return out
}

// addition is [usage.add] or [usage.subtract].
type addition func(u *usage, p *pool, agent ids.Agent, rs resources.Resources)

// inOrder returns the roles with frameworks, the next one to serve first. The slice is valid until it is called again.
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
