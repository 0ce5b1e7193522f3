package allocator

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

// quotaCycle is a cycle while roles have quotas. In its first stage the roles are served that have less than they are
// guaranteed; in the second everybody. Neither gives away what is left for guarantees, and an offer holds only as much of
// what counts as the limits of the role leave. Reserved and revocable resources, ports and the like are offered as ever.
// Since the first stage gives a client all that it may have of an agent, nobody is made two offers of one.
//
// Mesos: HierarchicalAllocatorProcess::__generateOffers.
type quotaCycle struct {
	*cycle
	owed resources.Quantities // to all roles together
	free resources.Quantities // what counts and nobody holds; unknown if nothing is owed
}

// runWithQuotas visits agents in the given order, and then in the opposite one, so that the first stage does not leave the
// same agents to the second.
func (c *cycle) runWithQuotas(agents []*agent) {
	q := &quotaCycle{cycle: c}
	c.shared = map[ids.Agent]resources.Resources{}
	for _, r := range c.book.roles.limited {
		if r == r.top() {
			q.owed = q.owed.Plus(r.owed())
		}
	}
	if !q.owed.IsEmpty() {
		q.free = c.book.free(c.policy)
		for _, a := range agents {
			q.visit(a, true)
		}
	}
	for _, a := range slices.Backward(agents) {
		q.visit(a, false)
	}
}

// free returns what counts against quotas and is not held, on agents that may be offered.
//
// Differs: what is on other agents cannot be offered to those who are guaranteed it, and does not count.
func (b *book) free(p *policy) resources.Quantities {
	free := map[string]resources.Quantity{}
	for _, a := range b.everyAgent {
		if !p.allows(a) {
			continue
		}
		for r := range a.available.All() {
			if isCounted(r) {
				free[r.Name()] = free[r.Name()].Plus(r.Scalar())
			}
		}
	}
	return resources.QuantitiesOf(free)
}

// visit offers what is available on a to the clients it is to be visited for, in order of fairness. guaranteed says that
// this is the first stage.
func (q *quotaCycle) visit(a *agent, guaranteed bool) {
	if !q.policy.allows(a) {
		return
	}
	q.mark(a)
	for _, r := range q.book.roles.inOrder() {
		if a.available.IsEmpty() {
			return
		}
		if guaranteed && r.top().owed().IsEmpty() {
			continue
		}
		q.clients = r.eagerInOrder(q.clients[:0])
		for _, cl := range q.clients {
			if q.isLookedAtFor(a, cl) && cl.ranked && !a.available.IsEmpty() && q.mayHave(cl, a) {
				q.offer(cl, a, guaranteed)
			}
		}
	}
}

// offer offers cl what it may have of a.
func (q *quotaCycle) offer(cl *client, a *agent, guaranteed bool) {
	all := a.available
	if !a.plain {
		all = strip(&cl.framework.can, all.AllocatableTo(cl.role.name).Minus(q.shared[a.id]))
	}
	if cl.refuses(a.id, all) || !q.suffices(all, cl) {
		return // any part of it, too
	}
	counted := all.Filter(isCounted)
	part := counted.AtMost(cl.role.room)
	if guaranteed {
		due := part.AtMost(within(cl.role.top().owed()))
		if due.IsEmpty() {
			return
		}
		part = due.Plus(q.surplus(part.Minus(due)))
	} else {
		part = q.surplus(part)
	}
	a.cut = a.cut || !part.Equal(counted)
	offered := all.Filter(func(r resources.Resource) bool { return !isCounted(r) }).Plus(part)
	if cl.refuses(a.id, offered) || !q.suffices(offered, cl) {
		return
	}
	before := cl.role.top().owed()
	q.give(cl, a, offered)
	q.shared[a.id] = q.shared[a.id].Plus(offered.Shared())
	q.owed = q.owed.Minus(before).Plus(cl.role.top().owed())
	q.free = q.free.Minus(part.ScalarQuantities())
}

// surplus returns the part of rs, which counts, without which enough is left for all guarantees.
func (q *quotaCycle) surplus(rs resources.Resources) resources.Resources {
	if q.owed.IsEmpty() {
		return rs
	}
	return rs.AtMost(within(q.free.Minus(q.owed)))
}

// within returns the amounts as bounds; what is not named is bounded by zero.
func within(amounts resources.Quantities) func(name string) (resources.Quantity, bool) {
	return func(name string) (resources.Quantity, bool) { return amounts.Get(name), true }
}
