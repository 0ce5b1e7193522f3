package allocator

import (
	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// strip removes the resources that the framework's capabilities do not cover. Mesos: stripIncapableResources.
func strip(can *capabilities.Framework, rs resources.Resources) resources.Resources {
	return rs.Filter(func(r resources.Resource) bool {
		return (can.SharedResources || !r.IsShared()) && (can.RevocableResources || !r.IsRevocable()) &&
			(can.ReservationRefinement || !r.HasRefinedReservation())
	})
}

// minimumOf returns, by role, the minimum allocatable resources that a framework asks for in place of the configured
// ones.
func minimumOf(info *mesospb.FrameworkInfo) map[string][]resources.Quantities {
	out := map[string][]resources.Quantities{}
	for role, filters := range info.GetOfferFilters() {
		if filters.GetMinAllocatableResources() == nil {
			continue
		}
		any := []resources.Quantities{}
		for _, q := range filters.GetMinAllocatableResources().GetQuantities() {
			any = append(any, resources.QuantitiesOf(resources.Amounts(q.GetQuantities())))
		}
		out[role] = any
	}
	return out
}

// learnCapabilities sets the capabilities that an agent declared and reports whether they changed.
func (a *agent) learnCapabilities(declared []*mesospb.SlaveInfo_Capability) (changed bool) {
	before := a.can
	a.can = capabilities.OfAgent(declared)
	return before.MultiRole != a.can.MultiRole || before.HierarchicalRole != a.can.HierarchicalRole
}
