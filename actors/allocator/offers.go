package allocator

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// RecoverResources takes back resources of an agent, allocated to a single role, that a framework was offered
// (allocated is false) or that its tasks and executors used (allocated is true). With filters, the framework is not
// offered that agent in this role for filters.refuse_seconds unless more is available on it. nil filters and zero
// seconds refuse nothing.
//
// The resources are offered again with the next cycle, not at once. RecoverResources does nothing if the agent has
// been removed, or if the framework has been removed and its resources taken back. Mesos: recoverResources.
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
		return // taken back when the framework was removed
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

// refusalTime returns how long filters refuse, and 0 if they do not. A refusal lasts for at least an allocation
// interval, so that it covers the next periodic cycle.
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

// TransitionOfferedToAllocated records that tasks and executors now use resources that were offered. Mesos:
// transitionOfferedToAllocated.
func (a *Allocator) TransitionOfferedToAllocated(agent ids.Agent, rs resources.Resources) {
	a.book.use(a.book.agent(agent), rs)
}

// UpdateAllocation applies operations to resources that a framework was offered, and to the agent's total. The
// resources in conversions must be allocated to the same role as those offered. Mesos: updateAllocation.
func (a *Allocator) UpdateAllocation(
	framework ids.Framework, agent ids.Agent, offered resources.Resources, conversions []resources.Conversion,
) {
	a.book.convert(framework, a.book.agent(agent), offered, conversions)
}

// UpdateAvailable applies operations to the available resources of an agent, and to its total. It fails, and changes
// nothing, if they are no longer available. Mesos: updateAvailable.
func (a *Allocator) UpdateAvailable(agent ids.Agent, conversions []resources.Conversion) error {
	return a.book.convertFree(a.book.agent(agent), conversions)
}
