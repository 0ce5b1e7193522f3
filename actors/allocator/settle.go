package allocator

import (
	"slices"
	"time"
)

// unsettle requests a visit of a for all clients.
func (b *book) unsettle(a *agent) {
	a.everybody, a.interested = true, nil
	b.queue(a)
}

// unsettleAll requests a visit of every agent for all clients.
func (b *book) unsettleAll() {
	for _, a := range b.everyAgent {
		b.unsettle(a)
	}
}

// interest requests a visit of a for c.
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

// announce requests a visit of every agent for c.
func (b *book) announce(c *client) {
	if !c.announced {
		c.announced = true
		b.announced = append(b.announced, c)
	}
}

// expire ends the refusals whose time is over and requests visits for their clients.
func (b *book) expire(now time.Time) {
	b.refusals.expire(now, func(r *refusal) { b.interest(r.agent, r.client) })
}

// takeAll returns the agents that a cycle over all agents must visit.
func (b *book) takeAll() []*agent {
	candidates := b.unsettled
	if len(b.announced) > 0 {
		candidates = b.everyAgent
	}
	var taken []*agent
	for _, a := range candidates {
		if !a.removed && !a.available.IsEmpty() {
			taken = append(taken, a)
		}
	}
	for _, a := range b.unsettled {
		a.unsettled = false
	}
	b.unsettled = b.unsettled[:0]
	return taken
}

// take returns those of the asked agents that a cycle must visit.
func (b *book) take(asked []*agent) []*agent {
	var taken []*agent
	for _, a := range asked {
		if a.unsettled && !a.removed {
			a.unsettled = false
			taken = append(taken, a)
		}
	}
	b.unsettled = slices.DeleteFunc(b.unsettled, func(a *agent) bool { return !a.unsettled })
	return taken
}

// settle records that a cycle visited agents. Agents with shared resources are to be visited again, since shared
// resources are never used up; and those of which quotas kept something back, since what happens elsewhere may change
// that. all means that no other agents had to be visited.
func (b *book) settle(agents []*agent, all bool) {
	for _, a := range agents {
		a.everybody, a.interested = false, nil
		if a.shares || a.cut {
			a.cut = false
			b.unsettle(a)
		}
	}
	if !all {
		return
	}
	for _, c := range b.announced {
		c.announced = false
	}
	b.announced = b.announced[:0]
}
