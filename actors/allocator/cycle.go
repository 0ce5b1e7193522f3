package allocator

import (
	"strings"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

// cycle is one round of offers over a set of agents. It updates the book as it goes.
type cycle struct {
	book    *book
	policy  *policy
	clients []*client // a buffer
	offers  map[*framework][]Offer
	shared  map[ids.Agent]resources.Resources // shared resources that were offered, while there are quotas: each is once
	order   []*framework                      // in the order they got their first offer
}

// policy is the part of the configuration that affects offers.
type policy struct {
	minimum    []resources.Quantities
	gpusForAll bool
	region     string          // of the master; empty if none
	whitelist  map[string]bool // of hostnames; nil: all
}

func newCycle(b *book, p *policy) *cycle {
	return &cycle{book: b, policy: p, offers: map[*framework][]Offer{}}
}

// run visits agents in the given order.
func (c *cycle) run(agents []*agent) {
	if len(c.book.roles.limited) > 0 {
		c.runWithQuotas(agents)
		return
	}
	for _, a := range agents {
		if c.policy.allows(a) {
			c.visit(a)
		}
	}
}

// visit offers what is available on a to the clients it is to be visited for, in order of fairness.
func (c *cycle) visit(a *agent) {
	if only := c.onlyClient(a); only != nil {
		if offered, ok := c.offerable(a, only, resources.Resources{}); ok {
			c.give(only, a, offered)
		}
		return
	}
	c.mark(a)
	if a.plain {
		c.visitPlain(a)
		return
	}
	c.visitAny(a)
}

// visitPlain visits an agent that offers every client the same resources: the first client that takes any takes all.
func (c *cycle) visitPlain(a *agent) {
	var taker *client
	c.book.roles.root.each(func(cl *client) bool {
		if c.isLookedAtFor(a, cl) {
			if _, ok := c.offerable(a, cl, resources.Resources{}); ok {
				taker = cl
			}
		}
		return taker == nil
	})
	if taker != nil {
		c.give(taker, a, a.available)
	}
}

// visitAny visits an agent of any kind. It serves the clients in the order from before the agent's first offer.
func (c *cycle) visitAny(a *agent) {
	var shared resources.Resources // shared resources of a that this cycle has offered: each is offered once
	for _, r := range c.book.roles.inOrder() {
		if a.available.IsEmpty() {
			return
		}
		c.clients = r.eagerInOrder(c.clients[:0])
		for _, cl := range c.clients {
			if !c.isLookedAtFor(a, cl) {
				continue
			}
			if offered, ok := c.offerable(a, cl, shared); ok {
				c.give(cl, a, offered)
				shared = shared.Plus(offered.Shared())
			}
		}
	}
}

// onlyClient returns the client that a is to be visited for if there is exactly one, and nil otherwise.
func (c *cycle) onlyClient(a *agent) *client {
	switch {
	case a.everybody || len(a.interested)+len(c.book.announced) != 1:
		return nil
	case len(a.interested) == 1:
		return a.interested[0]
	default:
		return c.book.announced[0]
	}
}

// mark stamps the clients that a is to be visited for.
func (c *cycle) mark(a *agent) {
	c.book.stamp++
	for _, i := range a.interested {
		i.stamp = c.book.stamp
	}
	for _, i := range c.book.announced {
		i.stamp = c.book.stamp
	}
}

// isLookedAtFor reports whether a is to be visited for cl. It is valid after mark.
func (c *cycle) isLookedAtFor(a *agent, cl *client) bool {
	return a.everybody || cl.stamp == c.book.stamp
}

// offerable returns the available resources of a, other than without, that cl may be offered. ok is false if that is
// nothing, too little, or refused.
func (c *cycle) offerable(a *agent, cl *client, without resources.Resources) (offered resources.Resources, ok bool) {
	if !cl.ranked || a.available.IsEmpty() || !c.mayHave(cl, a) {
		return offered, false
	}
	offered = a.available
	if !a.plain {
		offered = strip(&cl.framework.can, offered.AllocatableTo(cl.role.name).Minus(without))
	}
	return offered, !cl.refuses(a.id, offered) && c.suffices(offered, cl)
}

// give adds an offer to cl and records that cl holds it.
func (c *cycle) give(cl *client, a *agent, offered resources.Resources) {
	f, allocated := cl.framework, offered.Allocate(cl.role.name)
	c.book.hold(f.id, a, allocated)
	if _, known := c.offers[f]; !known {
		c.order = append(c.order, f)
	}
	c.offers[f] = append(c.offers[f], Offer{Role: cl.role.name, Agent: a.id, Resources: allocated})
}

// suffices reports whether rs is large enough to offer. Mesos: allocatable.
func (c *cycle) suffices(rs resources.Resources, cl *client) bool {
	if rs.IsEmpty() {
		return false
	}
	minimum, own := cl.framework.minimum[cl.role.name]
	if !own {
		minimum = c.policy.minimum
	}
	for _, q := range minimum {
		if rs.Satisfies(q) {
			return true
		}
	}
	return len(minimum) == 0
}

// mayHave reports whether cl may be offered a at all, whatever is available on it. Mesos: isCapableOfReceivingAgent
// and the first half of isFiltered.
func (c *cycle) mayHave(cl *client, a *agent) bool {
	can := cl.framework.can
	switch {
	case a.gpus && !can.GPUResources && !c.policy.gpusForAll:
		return false
	case !can.RegionAware && c.policy.isRemote(a):
		return false
	case can.MultiRole && !a.can.MultiRole:
		return false
	case !a.can.HierarchicalRole && strings.Contains(cl.role.name, "/"):
		return false
	}
	return cl.framework.constraints[cl.role.name].permit(a.info)
}

// isRemote reports whether an agent is in another region than the master.
func (p *policy) isRemote(a *agent) bool {
	domain := a.info.GetDomain().GetFaultDomain()
	return domain != nil && domain.GetRegion().GetName() != p.region
}

// allows reports whether an agent may be offered at all.
func (p *policy) allows(a *agent) bool {
	return a.active && (p.whitelist == nil || p.whitelist[a.info.GetHostname()])
}
