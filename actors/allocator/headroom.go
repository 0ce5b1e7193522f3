package allocator

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

// quotaCycle is a cycle while roles have quotas. Its first stage serves the roles that have less than they are guaranteed, its
// second all roles. Neither gives away what guarantees still need, and of the resources that count against quotas an offer
// holds no more than the role's limits leave. Reserved and revocable resources, ports and the like are offered as always. Since
// the first stage gives a client all that it may have of an agent, nobody is made two offers of one.
//
// Mesos: HierarchicalAllocatorProcess::__generateOffers.
type quotaCycle struct {
	*cycle
	owing map[*role]resources.Quantities // the roles of the highest level that are owed something, and what
	owed  resources.Quantities           // to all of them together
	free  resources.Quantities           // what counts and nobody holds; unknown if nothing is owed
	spare resources.Quantities           // what of that is not owed
	picky map[*role]bool                 // roles with frameworks that have minimums of their own
}

// runWithQuotas visits agents in the given order, and then in the opposite one, so that the first stage does not leave the
// same agents to the second.
func (c *cycle) runWithQuotas(agents []*agent) {
	c.shared = map[ids.Agent]resources.Resources{}
	q := &quotaCycle{cycle: c, owing: map[*role]resources.Quantities{}, picky: map[*role]bool{}}
	for _, f := range c.book.frameworks {
		for name := range f.minimum {
			q.picky[c.book.roles.known[name]] = true
		}
	}
	for _, r := range c.book.roles.limited {
		if owed := r.owed(); r == r.top() && !owed.IsEmpty() {
			q.owing[r], q.owed = owed, q.owed.Plus(owed)
		}
	}
	if !q.owed.IsEmpty() {
		q.free = c.book.free(c.policy)
		q.spare = q.free.Minus(q.owed)
		q.serveOwed(agents)
	}
	for _, a := range slices.Backward(agents) {
		q.visit(a, false)
	}
}

// serveOwed is the first stage. It ends when those who are owed something have it, and does not begin if they are not there.
func (q *quotaCycle) serveOwed(agents []*agent) {
	isOwed := func(r *role) bool { return !q.owing[r.top()].IsEmpty() }
	if !slices.ContainsFunc(q.book.roles.inOrder(), isOwed) {
		return
	}
	for _, a := range agents {
		if len(q.owing) == 0 {
			return
		}
		q.visit(a, true)
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
		if guaranteed && q.owing[r.top()].IsEmpty() || q.isTooLittle(a, r, guaranteed) {
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

// isTooLittle reports whether quotas leave so little of a to r that no framework there is offered any of it. Trying would cost
// more, in each cycle and for each framework. If quotas are the reason, a must be visited again.
func (q *quotaCycle) isTooLittle(a *agent, r *role, guaranteed bool) bool {
	if !a.plain || q.picky[r] || len(q.policy.minimum) == 0 {
		return false
	}
	enough := false // without quotas
	for _, minimum := range q.policy.minimum {
		if q.mayReach(minimum, a, r, guaranteed) {
			return false
		}
		enough = enough || a.available.Satisfies(minimum)
	}
	a.cut = a.cut || enough
	return true
}

// mayReach reports whether the scalars that quotas leave of a to r reach the amounts.
func (q *quotaCycle) mayReach(amounts resources.Quantities, a *agent, r *role, guaranteed bool) bool {
	for name, amount := range amounts.All() {
		has, is := a.available.Scalar(name)
		if !is {
			continue
		}
		if room, limited := r.room(name); limited {
			has = min(has, room)
		}
		if !q.owed.IsEmpty() {
			left := q.spare.Get(name)
			if guaranteed {
				left = left.Plus(q.owing[r.top()].Get(name))
			}
			has = min(has, left)
		}
		if has < amount {
			return false
		}
	}
	return true
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
		due := part.AtMost(within(q.owing[cl.role.top()]))
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
	q.give(cl, a, offered)
	q.shared[a.id] = q.shared[a.id].Plus(offered.Shared())
	q.count(cl.role.top(), part)
}

// count records what a framework in a role of the highest level, or below it, was given of the resources that count
// against quotas.
func (q *quotaCycle) count(top *role, given resources.Resources) {
	if q.owed.IsEmpty() {
		return
	}
	if before, is := q.owing[top]; is {
		now := top.owed()
		q.owed = q.owed.Minus(before).Plus(now)
		if q.owing[top] = now; now.IsEmpty() {
			delete(q.owing, top)
		}
	}
	q.free = q.free.Minus(given.ScalarQuantities())
	q.spare = q.free.Minus(q.owed)
}

// surplus returns the part of rs, which counts, without which enough is left for all guarantees.
func (q *quotaCycle) surplus(rs resources.Resources) resources.Resources {
	if q.owed.IsEmpty() {
		return rs
	}
	return rs.AtMost(within(q.spare))
}

// within returns the amounts as bounds; what is not named is bounded by zero.
func within(amounts resources.Quantities) func(name string) (resources.Quantity, bool) {
	return func(name string) (resources.Quantity, bool) { return amounts.Get(name), true }
}
