package resources

import (
	"math"
	"slices"
)

// Filter returns the resources for which keep returns true.
func (rs Resources) Filter(keep func(Resource) bool) Resources {
	for i, r := range rs.items {
		if !keep(r) {
			return Resources{rs.filterFrom(i, keep)}
		}
	}
	return rs
}

// filterFrom is Filter for a bag whose first i resources are kept and whose next one is not.
func (rs Resources) filterFrom(i int, keep func(Resource) bool) []Resource {
	kept := append([]Resource(nil), rs.items[:i]...)
	for _, r := range rs.items[i+1:] {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// Named returns the resources of that name.
func (rs Resources) Named(name string) Resources {
	return rs.Filter(func(r Resource) bool { return r.Name() == name })
}

// Unreserved returns the resources that are not reserved.
func (rs Resources) Unreserved() Resources {
	return rs.Filter(func(r Resource) bool { return !r.IsReserved() })
}

// Reserved returns the resources reserved to role, or to any role if role is empty.
func (rs Resources) Reserved(role string) Resources {
	return rs.Filter(func(r Resource) bool { return r.IsReserved() && (role == "" || r.ReservationRole() == role) })
}

// DynamicallyReserved returns the resources with a reservation that was made at run time.
func (rs Resources) DynamicallyReserved() Resources { return rs.Filter(Resource.IsDynamicallyReserved) }

// AllocatableTo returns the resources that a framework in role may be offered.
func (rs Resources) AllocatableTo(role string) Resources {
	return rs.Filter(func(r Resource) bool { return r.IsAllocatableTo(role) })
}

// Revocable returns the resources that can be taken away at any time.
func (rs Resources) Revocable() Resources { return rs.Filter(Resource.IsRevocable) }

// NonRevocable returns the resources that cannot be taken away.
func (rs Resources) NonRevocable() Resources {
	return rs.Filter(func(r Resource) bool { return !r.IsRevocable() })
}

// Shared returns the resources that several tasks may use at once.
func (rs Resources) Shared() Resources { return rs.Filter(Resource.IsShared) }

// NonShared returns the resources that one task at a time may use.
func (rs Resources) NonShared() Resources {
	return rs.Filter(func(r Resource) bool { return !r.IsShared() })
}

// PersistentVolumes returns the disks with data that outlives their tasks.
func (rs Resources) PersistentVolumes() Resources { return rs.Filter(Resource.IsPersistentVolume) }

// Scalar returns how much there is of the scalar resources of that name; ok is false if there are none.
func (rs Resources) Scalar(name string) (sum Quantity, ok bool) {
	for i := range rs.items {
		if k := rs.items[i].kind.Value(); k.name == name && k.typ == ScalarType {
			sum, ok = sum.Plus(rs.items[i].amount), true
		}
	}
	return sum, ok
}

// IsSaturated reports whether an amount exceeds the range of [Quantity]. Subtracting what was added to it then no
// longer gives the earlier amount.
func (rs Resources) IsSaturated() bool {
	return slices.ContainsFunc(rs.items, func(r Resource) bool { return r.amount == math.MaxInt64 })
}

// CPUs returns the amount of cpus.
func (rs Resources) CPUs() Quantity { return rs.amount("cpus") }

// GPUs returns the amount of gpus.
func (rs Resources) GPUs() Quantity { return rs.amount("gpus") }

// Mem returns the amount of mem, in megabytes.
func (rs Resources) Mem() Quantity { return rs.amount("mem") }

// Disk returns the amount of disk, in megabytes.
func (rs Resources) Disk() Quantity { return rs.amount("disk") }

func (rs Resources) amount(name string) Quantity {
	sum, _ := rs.Scalar(name)
	return sum
}

// Ranges returns the numbers in the resources of that name and of type ranges.
func (rs Resources) Ranges(name string) Ranges {
	var sum Ranges
	for _, r := range rs.items {
		if r.Name() == name {
			sum = sum.Plus(r.Ranges())
		}
	}
	return sum
}

// Set returns the names in the resources of that name and of type set.
func (rs Resources) Set(name string) Set {
	var sum Set
	for _, r := range rs.items {
		if r.Name() == name {
			sum = sum.Plus(r.Set())
		}
	}
	return sum
}
