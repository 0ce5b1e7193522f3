package resources

import (
	"slices"
	"unique"

	"meseta/messages/pb/mesospb"
)

// transform returns the bag with f applied to every kind. It adds up resources that become the same kind.
func (rs Resources) transform(f func(kind) kind) Resources {
	items := make([]Resource, 0, len(rs.items))
	for _, r := range rs.items {
		items = add(items, r.with(f(r.kind.Value())))
	}
	return Resources{items}
}

// Allocate returns the resources with role as the role they are allocated to.
func (rs Resources) Allocate(role string) Resources { return rs.allocate(unique.Make(role)) }

// Unallocate returns the resources without the role they are allocated to.
func (rs Resources) Unallocate() Resources { return rs.allocate(noRole) }

// allocate changes the allocation role. It adds up resources that were allocated to different roles, which costs more.
func (rs Resources) allocate(role unique.Handle[string]) Resources {
	if rs.IsEmpty() {
		return rs
	}
	from := rs.items[0].role
	if slices.ContainsFunc(rs.items, func(r Resource) bool { return r.role != from }) {
		var items []Resource
		for _, r := range rs.items {
			r.role = role
			items = add(items, r)
		}
		return Resources{items}
	}
	if from == role {
		return rs
	}
	items := slices.Clone(rs.items)
	for i := range items {
		items[i].role = role
	}
	return Resources{items}
}

// AllocationRoles returns the roles that resources are allocated to, in ascending order.
func (rs Resources) AllocationRoles() []string {
	var names []string
	last := noRole
	for _, r := range rs.items {
		if r.role != last && r.role != noRole {
			names, last = append(names, r.role.Value()), r.role
		}
	}
	if len(names) < 2 {
		return names
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// AllocatedTo returns the resources that are allocated to role.
func (rs Resources) AllocatedTo(role string) Resources {
	to := unique.Make(role)
	return rs.Filter(func(r Resource) bool { return r.role == to })
}

// ReservationRoles returns the roles that resources are reserved to, in ascending order.
func (rs Resources) ReservationRoles() []string {
	var names []string
	for _, r := range rs.items {
		if r.IsReserved() {
			names = append(names, r.ReservationRole())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// PushReservation returns the resources with a further reservation. If one of them cannot have it, it fails with the
// reason that Mesos gives: a refinement has to be dynamic, and for a role below the one it refines.
func (rs Resources) PushReservation(info *mesospb.Resource_ReservationInfo) (Resources, error) {
	if err := validateReservation(info); err != nil {
		return Resources{}, err
	}
	for _, r := range rs.items {
		if !r.IsReserved() {
			continue
		}
		if err := validateRefinement(info, r.ReservationRole()); err != nil {
			return Resources{}, err
		}
	}
	return rs.transform(func(k kind) kind {
		k.reservations = push(k.reservations, info)
		return k
	}), nil
}

// PopReservation returns the resources without their topmost reservation. Unreserved resources stay as they are.
func (rs Resources) PopReservation() Resources {
	return rs.transform(func(k kind) kind {
		if k.isReserved() {
			k.reservations = k.top().below
		}
		return k
	})
}

// ToUnreserved returns the resources without any reservation.
func (rs Resources) ToUnreserved() Resources {
	if !slices.ContainsFunc(rs.items, Resource.IsReserved) {
		return rs
	}
	return rs.transform(func(k kind) kind {
		k.reservations = unique.Handle[layer]{}
		return k
	})
}
