package allocator

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meseta/messages/resources"
)

// quotaRoles are those that the test gives quotas to, each at most one. Guarantees of b/y are parts of those of b.
var quotaRoles = []string{"*", "a", "b", "b/y", "nobody"}

// setQuotas replaces all quotas.
func (p *pair) setQuotas() {
	amounts := func(what string, least int) map[string]resources.Quantity {
		drawn := map[string]resources.Quantity{}
		for _, name := range []string{"cpus", "mem", "disk"} {
			if n := rapid.IntRange(-20, 30).Draw(p.t, what+name); n >= least {
				drawn[name] = resources.Quantity(n) * resources.Unit
			}
		}
		return drawn
	}
	var all []Quota
	for _, name := range quotaRoles {
		if rapid.Bool().Draw(p.t, name) {
			q := Quota{Role: name, Limits: resources.LimitsOf(amounts("limit", 0))}
			if name != "b/y" {
				q.Guarantees = resources.QuantitiesOf(amounts("guarantee", 1))
			}
			for bound, most := range q.Limits.All() {
				q.Guarantees = resources.QuantitiesOf(atMost(q.Guarantees, bound, most))
			}
			all = append(all, q)
		}
	}
	p.book.setQuotas(all)
}

// atMost bounds one of the amounts.
func atMost(q resources.Quantities, name string, most resources.Quantity) map[string]resources.Quantity {
	amounts := map[string]resources.Quantity{}
	for other, amount := range q.All() {
		amounts[other] = amount
	}
	amounts[name] = min(amounts[name], most)
	return amounts
}

// quotaCycle runs a cycle and takes down who holds what. It returns how many offers were made.
func (p *pair) quotaCycle() int {
	p.book.expire(p.now)
	agents := p.book.takeAll()
	c := newCycle(p.book, p.twin.policy)
	c.run(agents)
	p.book.settle(agents, true)
	n := 0
	for _, f := range c.order {
		places := map[string]bool{}
		for _, o := range c.offers[f] {
			i := slices.IndexFunc(p.twin.clients, func(cl *twinClient) bool { return cl.framework == f.id && cl.role == o.Role })
			p.twin.held = append(p.twin.held, holding{p.twin.clients[i], o.Agent, o.Resources.Unallocate()})
			if at := o.Role + " " + string(o.Agent); places[at] {
				p.t.Fatalf("%s is made two offers of %s in %s", f.id, o.Agent, o.Role)
			} else {
				places[at] = true
			}
			n++
		}
	}
	p.check()
	return n
}

// claimed is what a role and those below it have, counted from what is held and reserved.
func (p *pair) claimed(role string) resources.Quantities {
	var all resources.Quantities
	under := func(name string) bool { return name == role || len(name) > len(role) && name[:len(role)+1] == role+"/" }
	for _, h := range p.twin.held {
		if under(h.client.role) {
			all = all.Plus(h.rs.Filter(isCounted).Quantities())
		}
	}
	for _, a := range p.twin.agents {
		for _, name := range a.total.ReservationRoles() {
			if under(name) {
				all = all.Plus(a.total.Reserved(name).ScalarQuantities())
			}
		}
	}
	return all
}

// surplus is what counts and is free, without what is owed; it may be below zero.
func (p *pair) surplus() map[string]resources.Quantity {
	left := map[string]resources.Quantity{}
	for _, a := range p.twin.agents {
		for name, amount := range p.twin.free(a).Filter(isCounted).Quantities().All() {
			left[name] += amount
		}
	}
	for _, r := range p.book.roles.limited {
		for name, amount := range r.quota.Guarantees.Minus(p.claimed(r.name)).All() {
			left[name] -= amount
		}
	}
	return left
}

// Whatever happens, a cycle makes no role exceed its limits, leaves enough for what is owed to others unless it was missing before, and
// leaves nothing that another look at everything would give away; and what was offered is held once.
func TestCyclesWithQuotas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(t)
		p.setQuotas()
		steps := []func(){
			p.addAgent, p.addAgent, p.removeAgent, p.giveBack, p.giveBack, p.giveBack, p.everybodyDeclines,
			p.suppress, p.revive, p.revive, p.setWeight, p.replaceFramework, p.setQuotas,
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			for range rapid.IntRange(0, 4).Draw(t, "events") {
				steps[rapid.IntRange(0, len(steps)-1).Draw(t, "event")]()
			}
			p.now = p.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "wait")) * time.Second)
			p.keepsQuotas()
			p.book.unsettleAll()
			if n := p.quotaCycle(); n > 0 {
				t.Fatalf("a look at everything makes %d more offers", n)
			}
		}
	})
}

// keepsQuotas runs a cycle and looks at what it did to quotas.
func (p *pair) keepsQuotas() {
	before, surplus := map[string]resources.Quantities{}, p.surplus()
	for _, r := range p.book.roles.limited {
		before[r.name] = p.claimed(r.name)
	}
	p.quotaCycle()
	for _, r := range p.book.roles.limited {
		now := p.claimed(r.name)
		for name, limit := range r.quota.Limits.All() {
			if now.Get(name) > max(limit, before[r.name].Get(name)) {
				p.t.Fatalf("%s has %s, and at most %s", r.name, now, r.quota.Limits)
			}
		}
		for name, amount := range now.All() {
			if r.claimed(name) != amount {
				p.t.Fatalf("%s has %s, but is counted to have %s of %s", r.name, now, r.claimed(name), name)
			}
		}
	}
	for name, left := range p.surplus() {
		if left < min(surplus[name], 0) {
			p.t.Fatalf("%s of %s were left, and %s are", surplus[name], name, left)
		}
	}
}

// BenchmarkCycleWithQuotas is a cluster in which each role has a guarantee that it cannot be given, and everybody declines what is offered.
func BenchmarkCycleWithQuotas(b *testing.B) {
	book := benchBook(b, benchAgents, benchFrameworks, benchRoles...)
	var quotas []Quota
	for _, role := range []string{"a", "b", "c", "d", "nobody"} {
		quotas = append(quotas, Quota{
			Role: role, Guarantees: resources.QuantitiesOf(map[string]resources.Quantity{"cpus": 5000 * resources.Unit}),
			Limits: resources.LimitsOf(map[string]resources.Quantity{"cpus": 6000 * resources.Unit}),
		})
	}
	book.setQuotas(quotas)
	p := &policy{minimum: Defaults().Minimum}
	now, offers := time.Unix(0, 0), 0
	for b.Loop() {
		book.expire(now)
		agents := book.takeAll()
		c := newCycle(book, p)
		c.run(agents)
		book.settle(agents, true)
		offers += c.decline(now.Add(5 * time.Second))
		now = now.Add(time.Second)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(offers), "ns/offer-and-decline")
}
