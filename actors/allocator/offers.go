package allocator

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// RecoverResources takes back resources of an agent, allocated to a single role, that a framework was offered (allocated
// is false) or that its tasks and executors used (allocated is true). With filters, the framework is not offered that
// agent again for filters.refuse_seconds in this role, unless more is free on it; nil and zero seconds refuse nothing.
//
// What is free is offered with the next cycle, not at once. A framework or an agent that is no longer there has
// nothing to give back. Mesos: recoverResources.
func (a *Allocator) RecoverResources(
	framework ids.Framework, agent ids.Agent, rs resources.Resources, filters *mesospb.Filters, allocated bool,
) {
	on := a.book.agents[agent]
	if rs.IsEmpty() || on == nil {
		return
	}
	if allocated {
		a.book.unuse(on, rs)
	}
	f := a.book.frameworks[framework]
	if f == nil {
		return
	}
	a.book.release(framework, on, rs)
	a.book.unsettle(on)
	if filters != nil {
		a.refuse(f, on, rs, filters.GetRefuseSeconds())
	}
}

// refuse books that f does not want rs, or less, of an agent for a while. A refusal lasts for an allocation interval at
// least, because the cycle in which it counts has yet to come.
func (a *Allocator) refuse(f *framework, on *agent, rs resources.Resources, seconds float64) {
	d, odd := refusalTime(seconds)
	if odd {
		a.Log().Warn().Stringer("framework_id", f.id).Float64("refuse_seconds", seconds).Dur("used", d).
			Msg("refuse_seconds out of range")
	}
	c := f.clients[rs.AllocationRoles()[0]]
	if d == 0 || c == nil {
		return
	}
	a.book.refusals.add(&refusal{
		client: c, agent: on, resources: rs.Unallocate(), until: a.Now().Add(max(d, a.config.AllocationInterval)),
	})
}

// TransitionOfferedToAllocated notes that tasks and executors now use resources that were offered. Mesos:
// transitionOfferedToAllocated.
func (a *Allocator) TransitionOfferedToAllocated(agent ids.Agent, rs resources.Resources) {
	a.book.use(a.book.agent(agent), rs)
}

// UpdateAllocation applies operations to resources a framework was offered, and to what the agent has. The resources in
// conversions are allocated to the same role as those offered. Mesos: updateAllocation.
func (a *Allocator) UpdateAllocation(
	framework ids.Framework, agent ids.Agent, offered resources.Resources, conversions []resources.Conversion,
) {
	on := a.book.agent(agent)
	after, err := offered.Apply(conversions...)
	if err != nil {
		panic(fmt.Sprintf("allocator: operations of framework %s on agent %s: %v", framework, agent, err))
	}
	var stripped []resources.Conversion
	for _, c := range conversions {
		if c.Consumed.IsEmpty() {
			continue // another copy of a shared volume, which the agent does not have more of
		}
		stripped = append(stripped, resources.Conversion{
			Consumed: c.Consumed.Unallocate(), Converted: c.Converted.Unallocate(),
		})
	}
	total, err := on.total.Apply(stripped...)
	if err != nil {
		panic(fmt.Sprintf("allocator: operations of framework %s on agent %s: %v", framework, agent, err))
	}
	a.book.hold(framework, on, after)
	a.book.release(framework, on, offered)
	a.book.setTotal(on, total)
	a.book.unsettle(on)
}

// UpdateAvailable applies operations to what is free on an agent, and to what it has. It fails, and changes nothing, if
// that is no longer free. Mesos: updateAvailable.
func (a *Allocator) UpdateAvailable(agent ids.Agent, conversions []resources.Conversion) error {
	on := a.book.agent(agent)
	if _, err := on.available.Apply(conversions...); err != nil {
		return err
	}
	total, err := on.total.Apply(conversions...)
	if err != nil {
		panic(fmt.Sprintf("allocator: operations on agent %s: %v", agent, err))
	}
	a.book.setTotal(on, total)
	a.book.unsettle(on)
	return nil
}
