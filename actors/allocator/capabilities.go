package allocator

import (
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// capabilities are what a framework declared it understands, as far as it decides about offers.
type capabilities struct {
	multiRole             bool
	gpus                  bool
	shared                bool
	revocable             bool
	reservationRefinement bool
	regionAware           bool
}

func capabilitiesOf(info *mesospb.FrameworkInfo) (can capabilities) {
	for _, c := range info.GetCapabilities() {
		switch c.GetType() {
		case mesospb.FrameworkInfo_Capability_MULTI_ROLE:
			can.multiRole = true
		case mesospb.FrameworkInfo_Capability_GPU_RESOURCES:
			can.gpus = true
		case mesospb.FrameworkInfo_Capability_SHARED_RESOURCES:
			can.shared = true
		case mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES:
			can.revocable = true
		case mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT:
			can.reservationRefinement = true
		case mesospb.FrameworkInfo_Capability_REGION_AWARE:
			can.regionAware = true
		}
	}
	return can
}

// strip removes the resources a framework would not understand. Mesos: stripIncapableResources.
func (can *capabilities) strip(rs resources.Resources) resources.Resources {
	return rs.Filter(func(r resources.Resource) bool {
		return (can.shared || !r.IsShared()) && (can.revocable || !r.IsRevocable()) &&
			(can.reservationRefinement || !r.HasRefinedReservation())
	})
}

// rolesOf returns the roles a framework subscribes to.
func rolesOf(info *mesospb.FrameworkInfo) []string {
	if capabilitiesOf(info).multiRole {
		return info.GetRoles()
	}
	return []string{info.GetRole()}
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
	before := [2]bool{a.multiRole, a.hierarchicalRole}
	a.multiRole, a.hierarchicalRole = false, false
	for _, c := range declared {
		switch c.GetType() {
		case mesospb.SlaveInfo_Capability_MULTI_ROLE:
			a.multiRole = true
		case mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE:
			a.hierarchicalRole = true
		}
	}
	return before != [2]bool{a.multiRole, a.hierarchicalRole}
}
