package resources

import (
	"unique"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// Resource is one entry of a [Resources]: so much of one kind. It is immutable.
type Resource struct {
	kind   unique.Handle[kind]
	role   unique.Handle[string] // allocated to; or noRole
	amount Quantity              // of a scalar
	more   *more                 // nil for most scalars
}

// more is what only some resources have. It is immutable.
type more struct {
	ranges Ranges
	set    Set
	shares int                        // how many hold the shared volume; 0 if it is not shared
	disk   *mesospb.Resource_DiskInfo // as it came, with what does not identify it
}

// plain is the more of resources without one.
var plain more

func (r *Resource) rest() *more {
	if r.more == nil {
		return &plain
	}
	return r.more
}

// Name returns what the resource is called: cpus, mem, ports, …
func (r Resource) Name() string { return r.kind.Value().name }

// Type returns which of Scalar, Ranges and Set has the value.
func (r Resource) Type() Type { return r.kind.Value().typ }

// Scalar returns the amount of a scalar resource, and 0 for others.
func (r Resource) Scalar() Quantity { return r.amount }

// Ranges returns the numbers of a ranges resource, and none for others.
func (r Resource) Ranges() Ranges { return r.rest().ranges }

// Set returns the names of a set resource, and none for others.
func (r Resource) Set() Set { return r.rest().set }

// Count returns how much there is, whatever the type: the amount of a scalar, how many numbers, how many names.
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

// AllocationRole returns the role the resource is offered or allocated to; ok is false if it is not.
func (r Resource) AllocationRole() (role string, ok bool) {
	if r.role == noRole {
		return "", false
	}
	return r.role.Value(), true
}

// IsReserved reports whether the resource is kept for a role.
func (r Resource) IsReserved() bool { k := r.kind.Value(); return k.isReserved() }

// ReservationRole returns the role the resource is reserved to, and "*" if it is not reserved.
func (r Resource) ReservationRole() string { k := r.kind.Value(); return k.reservationRole() }

// IsDynamicallyReserved reports whether the reservation was made at run time.
func (r Resource) IsDynamicallyReserved() bool {
	k := r.kind.Value()
	return k.isReserved() && k.top().dynamic
}

// HasRefinedReservation reports whether there are several reservations on top of each other, which older peers cannot
// understand.
func (r Resource) HasRefinedReservation() bool {
	k := r.kind.Value()
	return k.isReserved() && k.top().depth > 1
}

// Reservations returns the reservations, from the first to the one that counts.
func (r Resource) Reservations() []*mesospb.Resource_ReservationInfo {
	return infos(r.kind.Value().reservations)
}

// IsRevocable reports whether whoever uses the resource can lose it at any time.
func (r Resource) IsRevocable() bool { return r.kind.Value().revocable }

// IsShared reports whether several tasks may use the resource at once. Only persistent volumes are.
func (r Resource) IsShared() bool { return r.kind.Value().shared }

// Shares returns how many copies of a shared resource the bag holds, and 0 for others.
func (r Resource) Shares() int { return r.rest().shares }

// IsPersistentVolume reports whether the resource is a disk with data that outlives its tasks.
func (r Resource) IsPersistentVolume() bool { k := r.kind.Value(); return k.isPersistent() }

// PersistenceID returns the name of a persistent volume, and "" for other resources.
func (r Resource) PersistenceID() string {
	if k := r.kind.Value(); k.isPersistent() {
		return k.disk.Value().id
	}
	return ""
}

// Disk returns the resource's DiskInfo, or nil. It must not be changed.
func (r Resource) Disk() *mesospb.Resource_DiskInfo { return r.rest().disk }

// DiskSource returns where a disk comes from; UNKNOWN if that is the agent's root disk or the resource is no disk.
func (r Resource) DiskSource() mesospb.Resource_DiskInfo_Source_Type {
	if k := r.kind.Value(); k.disk != noDisk {
		return k.disk.Value().source
	}
	return mesospb.Resource_DiskInfo_Source_UNKNOWN
}

// Provider returns the resource provider that the resource comes from; ok is false if it is the agent itself.
func (r Resource) Provider() (id ids.ResourceProvider, ok bool) {
	k := r.kind.Value()
	return k.provider, k.fromProvider
}

// IsAllocatableTo reports whether a framework in role may be offered the resource: it is not reserved, or reserved to
// that role or one above it.
func (r Resource) IsAllocatableTo(role string) bool {
	k := r.kind.Value()
	if !k.isReserved() {
		return true
	}
	reserved := k.reservationRole()
	return role == reserved || roles.IsStrictSubroleOf(role, reserved)
}

// isEmpty reports whether there is nothing of the resource.
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

// isIndivisible reports whether the resource is taken whole or not at all. Only disks are.
func (r *Resource) isIndivisible() bool {
	if r.more == nil || r.more.disk == nil {
		return false
	}
	k := r.kind.Value()
	return k.isIndivisible()
}

// isLike reports whether r and other are told apart only by how much there is of them.
func (r *Resource) isLike(other *Resource) bool { return r.kind == other.kind && r.role == other.role }

// plus adds a resource like r.
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

// minus subtracts a resource like r.
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

// covers reports whether r, which is like other, is at least as much.
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

// equal reports whether r, which is like other, is as much.
func (r *Resource) equal(other *Resource) bool {
	mine, others := r.rest(), other.rest()
	return r.amount == other.amount && mine.shares == others.shares &&
		mine.ranges.Equal(others.ranges) && mine.set.Equal(others.set)
}

// with returns r as another kind.
func (r Resource) with(k kind) Resource {
	r.kind = unique.Make(k)
	return r
}
