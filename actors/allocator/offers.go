package allocator

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
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
	if f == nil && !on.held[framework].Contains(rs) {
		return // it was given back when the framework was removed
	}
	a.book.release(framework, on, rs)
	a.book.unsettle(on)
	if f == nil {
		return // it has yet to be added
	}
	if d := a.refusalTime(framework, filters); d > 0 {
		a.book.refuse(f, on, rs, a.Now().Add(d))
	}
}

// refusalTime returns for how long filters refuse, and 0 if they do not. That is for an allocation interval at least,
// because the cycle in which it counts has yet to come.
func (a *Allocator) refusalTime(framework ids.Framework, filters *mesospb.Filters) time.Duration {
	if filters == nil {
		return 0
	}
	d, odd := RefusalTime(filters)
	if odd {
		a.Log().Warn().Stringer("framework_id", framework).Float64("refuse_seconds", filters.GetRefuseSeconds()).
			Dur("used", d).Msg("refuse_seconds out of range")
	}
	if d == 0 {
		return 0
	}
	return max(d, a.config.AllocationInterval)
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
	a.book.convert(framework, a.book.agent(agent), offered, conversions)
}

// UpdateAvailable applies operations to what is free on an agent, and to what it has. It fails, and changes nothing, if
// that is no longer free. Mesos: updateAvailable.
func (a *Allocator) UpdateAvailable(agent ids.Agent, conversions []resources.Conversion) error {
	return a.book.convertFree(a.book.agent(agent), conversions)
}
