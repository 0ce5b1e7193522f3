package allocator

import (
	"cmp"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/resources"
	"meseta/messages/roles"
)

// Quota is what a role is guaranteed, and what it may have at most, together with the roles below it. What is reserved to
// a role counts as had, whether somebody uses it or not; revocable resources do not count.
//
// Mesos: Quota.
type Quota struct {
	Role       string
	Guarantees resources.Quantities
	Limits     resources.Limits
}

// UpdateQuotas replaces the quotas of all roles, effective with the next cycle. A role has one quota at most.
//
// Differs: limits hold for a role with all roles below it, and frameworks in those have their part of what the role is
// guaranteed. In Mesos only frameworks in the role itself are limited and served first. Guarantees of roles below others
// are parts of those; they can be set by nobody, and have no effect of their own.
func (a *Allocator) UpdateQuotas(quotas []Quota) {
	a.book.setQuotas(quotas)
	for _, q := range quotas {
		a.Log().Info().Str("role", q.Role).Stringer("guarantees", q.Guarantees).Stringer("limits", q.Limits).Msg("quota updated")
	}
}

// Recover sets the quotas that an earlier master has left. If there are any, no offers are made until a part of the known
// agents ([Config.RecoveryFactor]) were added, or [Config.RecoveryTimeout] has passed: otherwise those who come first would
// be given what others are guaranteed.
//
// Mesos: HierarchicalAllocatorProcess::recover.
func (a *Allocator) Recover(known int, quotas []Quota) {
	a.UpdateQuotas(quotas)
	a.awaited = int(float64(known) * a.config.RecoveryFactor)
	if len(quotas) == 0 || a.awaited <= len(a.book.agents) {
		a.awaited = 0
		return
	}
	a.Log().Info().Int("agents", a.awaited).Dur("timeout", a.config.RecoveryTimeout).Msg("no offers until agents come back, because there are quotas")
	a.Delay(a.config.RecoveryTimeout, a.resume)
}

// resume ends the wait for agents.
func (a *Allocator) resume() {
	if a.awaited > 0 {
		a.awaited = 0
		a.Log().Info().Int("agents", len(a.book.agents)).Msg("offers are made again")
		a.askAll()
	}
}

// setQuotas replaces the quotas of all roles.
func (b *book) setQuotas(quotas []Quota) {
	b.roles.setQuotas(quotas)
	for _, a := range b.everyAgent {
		for _, held := range a.held {
			b.roles.commit(a.id, held, (*usage).add)
		}
	}
	b.unsettleAll()
}

// setQuotas replaces the quotas of all roles, of which none is counted to have anything.
func (t *roleTree) setQuotas(quotas []Quota) {
	before := t.limited
	for _, r := range before {
		r.quota, r.committed = nil, usage{}
	}
	t.limited = nil
	for _, q := range quotas {
		r := t.ensure(q.Role)
		r.quota = &q
		t.limited = append(t.limited, r)
	}
	slices.SortFunc(t.limited, func(a, b *role) int { return cmp.Compare(a.name, b.name) })
	for _, r := range before {
		t.prune(r)
	}
}

// isCounted reports whether a resource counts against quotas when it is held. Reserved ones always count.
func isCounted(r resources.Resource) bool {
	return r.Type() == resources.ScalarType && !r.IsReserved() && !r.IsRevocable()
}

// commit adds or subtracts what somebody holds, by the roles it is allocated to, for the roles with quotas.
func (t *roleTree) commit(on ids.Agent, held resources.Resources, add addition) {
	if len(t.limited) == 0 {
		return
	}
	counted := held.Filter(isCounted)
	for _, name := range counted.AllocationRoles() {
		part := counted.AllocatedTo(name)
		for up := t.nearest(name); up != t.root; up = up.parent {
			if up.quota != nil {
				add(&up.committed, t.pool, on, part)
			}
		}
	}
}

// nearest returns the named role if it is known, or the nearest one above it that is.
func (t *roleTree) nearest(name string) *role {
	for {
		if r, known := t.known[name]; known {
			return r
		}
		parent, ok := roles.Parent(name)
		if !ok {
			return t.root
		}
		name = parent
	}
}

// claimed returns how much of the named resource r and the roles below it have, which r has a quota for.
func (r *role) claimed(name string) resources.Quantity {
	p := r.contenders.pool
	return r.committed.of(p, name).Plus(r.reserved.of(p, name))
}

// owed returns what r is guaranteed, and does not have.
func (r *role) owed() resources.Quantities {
	if r.quota == nil || r.quota.Guarantees.IsEmpty() {
		return resources.Quantities{}
	}
	owed := map[string]resources.Quantity{}
	for name, amount := range r.quota.Guarantees.All() {
		owed[name] = amount.Minus(r.claimed(name))
	}
	return resources.QuantitiesOf(owed)
}

// room returns how much more of the named resource r may be given; limited is false if any amount.
func (r *role) room(name string) (left resources.Quantity, limited bool) {
	for up := r; up.parent != nil; up = up.parent {
		if up.quota == nil {
			continue
		}
		if limit, ok := up.quota.Limits.Of(name); ok {
			more := max(limit.Minus(up.claimed(name)), 0)
			if !limited || more < left {
				left, limited = more, true
			}
		}
	}
	return left, limited
}

// top returns the role of the highest level that is r or above it, which guarantees are given to.
func (r *role) top() *role {
	for r.parent != nil && r.parent.parent != nil {
		r = r.parent
	}
	return r
}
