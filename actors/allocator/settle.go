package allocator

import (
	"slices"
	"time"
)

// unsettle asks for a to be looked at for everybody.
func (b *book) unsettle(a *agent) {
	a.everybody, a.interested = true, nil
	b.queue(a)
}

// unsettleAll asks for every agent to be looked at for everybody.
func (b *book) unsettleAll() {
	for _, a := range b.everyAgent {
		b.unsettle(a)
	}
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

// take returns the agents to be looked at of those that are asked for.
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

// settle books that agents have been looked at. Those with shared resources always have something left. all says that
// there are no others to be looked at.
func (b *book) settle(agents []*agent, all bool) {
	for _, a := range agents {
		a.everybody, a.interested = false, nil
		if a.shares {
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
