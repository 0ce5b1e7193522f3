package allocator

import (
	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// strip removes the resources a framework would not understand. Mesos: stripIncapableResources.
func strip(can *capabilities.Framework, rs resources.Resources) resources.Resources {
	return rs.Filter(func(r resources.Resource) bool {
		return (can.SharedResources || !r.IsShared()) && (can.RevocableResources || !r.IsRevocable()) &&
			(can.ReservationRefinement || !r.HasRefinedReservation())
	})
}

// minimumOf returns what a framework, by role, wants at least in an offer instead of what is configured.
func minimumOf(info *mesospb.FrameworkInfo) map[string][]resources.Quantities {
	out := map[string][]resources.Quantities{}
	for role, filters := range info.GetOfferFilters() {
		if filters.GetMinAllocatableResources() == nil {
			continue
		}
		any := []resources.Quantities{}
		for _, q := range filters.GetMinAllocatableResources().GetQuantities() {
			amounts := map[string]resources.Quantity{}
			for name, scalar := range q.GetQuantities() {
				amounts[name] = resources.QuantityOf(scalar.GetValue())
			}
			any = append(any, resources.QuantitiesOf(amounts))
		}
		out[role] = any
	}
	return out
}

// learnCapabilities takes over what an agent declared.
func (a *agent) learnCapabilities(declared []*mesospb.SlaveInfo_Capability) (changed bool) {
	before := a.can
	a.can = capabilities.OfAgent(declared)
	return before.MultiRole != a.can.MultiRole || before.HierarchicalRole != a.can.HierarchicalRole
}
