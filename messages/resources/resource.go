package resources

import (
	"unique"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// Resource is an amount of one kind of resource, an entry of a [Resources]. It is immutable.
type Resource struct {
	kind   unique.Handle[kind]
	role   unique.Handle[string] // the allocation role, or noRole
	amount Quantity              // of a scalar
	more   *more                 // nil for most scalars
}

// more holds the parts that only some resources have. It is immutable.
type more struct {
	ranges Ranges
	set    Set
	shares int                        // how many copies of a shared volume the bag holds; 0 if it is not shared
	disk   *mesospb.Resource_DiskInfo // as received, including what is not part of its identity
}

// plain is the more of resources whose more is nil.
var plain more

func (r *Resource) rest() *more {
	if r.more == nil {
		return &plain
	}
	return r.more
}

// Name returns the resource's name: cpus, mem, ports, …
func (r Resource) Name() string { return r.kind.Value().name }

// Type returns the type of the resource's value.
func (r Resource) Type() Type { return r.kind.Value().typ }

// Scalar returns the amount of a scalar resource, or 0 for other types.
func (r Resource) Scalar() Quantity { return r.amount }

// Ranges returns the numbers of a resource of type ranges, or none for other types.
func (r Resource) Ranges() Ranges { return r.rest().ranges }

// Set returns the names of a resource of type set, or none for other types.
func (r Resource) Set() Set { return r.rest().set }

// Count returns the amount of a scalar, or how many numbers or names there are.
func (r Resource) Count() Quantity {
	switch r.Type() {
	case RangesType:
		return QuantityOf(float64(r.Ranges().Count()))
	case SetType:
		return Quantity(len(r.rest().set.items)) * Unit
	default:
		return r.amount
	}
}

// AllocationRole returns the role that the resource is offered or allocated to; ok is false if there is none.
func (r Resource) AllocationRole() (role string, ok bool) {
	if r.role == noRole {
		return "", false
	}
	return r.role.Value(), true
}

// IsReserved reports whether the resource is reserved to a role.
func (r Resource) IsReserved() bool { k := r.kind.Value(); return k.isReserved() }

// ReservationRole returns the role that the resource is reserved to, or "*" if it is not reserved.
func (r Resource) ReservationRole() string { k := r.kind.Value(); return k.reservationRole() }

// IsDynamicallyReserved reports whether the reservation was made at run time.
func (r Resource) IsDynamicallyReserved() bool {
	k := r.kind.Value()
	return k.isReserved() && k.top().dynamic
}

// HasRefinedReservation reports whether the resource has several reservations, which older peers do not understand.
func (r Resource) HasRefinedReservation() bool {
	k := r.kind.Value()
	return k.isReserved() && k.top().depth > 1
}

// Reservations returns the reservations from the lowest to the topmost, which is the effective one.
func (r Resource) Reservations() []*mesospb.Resource_ReservationInfo {
	return infos(r.kind.Value().reservations)
}

// IsRevocable reports whether the resource can be taken away from its user at any time.
func (r Resource) IsRevocable() bool { return r.kind.Value().revocable }

// IsShared reports whether several tasks may use the resource at once. This is true of some persistent volumes only.
func (r Resource) IsShared() bool { return r.kind.Value().shared }

// Shares returns how many copies of a shared resource the bag holds, or 0 for other resources.
func (r Resource) Shares() int { return r.rest().shares }

// IsPersistentVolume reports whether the resource is a disk with data that outlives its tasks.
func (r Resource) IsPersistentVolume() bool { k := r.kind.Value(); return k.isPersistent() }

// PersistenceID returns the ID of a persistent volume, or "" for other resources.
func (r Resource) PersistenceID() string {
	if k := r.kind.Value(); k.isPersistent() {
		return k.disk.Value().id
	}
	return ""
}

// Disk returns the resource's DiskInfo, or nil. It must not be changed.
func (r Resource) Disk() *mesospb.Resource_DiskInfo { return r.rest().disk }

// DiskSource returns the type of a disk's source. It is UNKNOWN for the agent's root disk and for resources that are
// not disks.
func (r Resource) DiskSource() mesospb.Resource_DiskInfo_Source_Type {
	if k := r.kind.Value(); k.disk != noDisk {
		return k.disk.Value().source
	}
	return mesospb.Resource_DiskInfo_Source_UNKNOWN
}

// Provider returns the resource provider that the resource comes from; ok is false for the agent's own resources.
func (r Resource) Provider() (id ids.ResourceProvider, ok bool) {
	k := r.kind.Value()
	return k.provider, k.fromProvider
}

// IsAllocatableTo reports whether a framework in role may be offered the resource, which has to be unreserved, or
// reserved to role or one of its ancestors.
func (r Resource) IsAllocatableTo(role string) bool {
	k := r.kind.Value()
	if !k.isReserved() {
		return true
	}
	reserved := k.reservationRole()
	return role == reserved || roles.IsStrictSubroleOf(role, reserved)
}

// isEmpty reports whether the resource's amount is zero, or it has no numbers or names.
func (r *Resource) isEmpty() bool {
	if r.more == nil {
		return r.amount == 0
	}
	k := r.kind.Value()
	switch {
	case k.shared && r.more.shares <= 0:
		return true
	case k.typ == RangesType:
		return r.more.ranges.IsEmpty()
	case k.typ == SetType:
		return r.more.set.IsEmpty()
	default:
		return r.amount == 0
	}
}

// isIndivisible reports whether the resource can only be taken as a whole. Only disks are indivisible.
func (r *Resource) isIndivisible() bool {
	if r.more == nil || r.more.disk == nil {
		return false
	}
	k := r.kind.Value()
	return k.isIndivisible()
}

// isLike reports whether r and other differ in their amounts only.
func (r *Resource) isLike(other *Resource) bool { return r.kind == other.kind && r.role == other.role }

// plus returns the sum of r and other, which is like r.
func (r Resource) plus(other Resource) Resource {
	if r.more == nil && other.more == nil {
		r.amount = r.amount.Plus(other.amount)
		return r
	}
	mine, others := r.rest(), other.rest()
	sum := *mine
	if mine.shares > 0 {
		sum.shares += others.shares
	} else {
		r.amount = r.amount.Plus(other.amount)
		sum.ranges = mine.ranges.Plus(others.ranges)
		sum.set = mine.set.Plus(others.set)
	}
	r.more = &sum
	return r
}

// minus returns r without other, which is like r.
func (r Resource) minus(other Resource) Resource {
	if r.more == nil && other.more == nil {
		r.amount = r.amount.Minus(other.amount)
		return r
	}
	mine, others := r.rest(), other.rest()
	difference := *mine
	if mine.shares > 0 {
		difference.shares -= others.shares
	} else {
		r.amount = r.amount.Minus(other.amount)
		difference.ranges = mine.ranges.Minus(others.ranges)
		difference.set = mine.set.Minus(others.set)
	}
	r.more = &difference
	return r
}

// covers reports whether r has at least the amount of other, which is like r.
func (r *Resource) covers(other *Resource) bool {
	if r.more == nil && other.more == nil {
		return r.amount >= other.amount
	}
	mine, others := r.rest(), other.rest()
	if r.isIndivisible() {
		return r.amount == other.amount && mine.shares >= others.shares
	}
	return r.amount >= other.amount && mine.ranges.Contains(others.ranges) && mine.set.Contains(others.set)
}

// equal reports whether r has the amount of other, which is like r.
func (r *Resource) equal(other *Resource) bool {
	mine, others := r.rest(), other.rest()
	return r.amount == other.amount && mine.shares == others.shares &&
		mine.ranges.Equal(others.ranges) && mine.set.Equal(others.set)
}

// with returns r with another kind.
func (r Resource) with(k kind) Resource {
	r.kind = unique.Make(k)
	return r
}
