package resources

import (
	"iter"
	"slices"
)

// Resources is an immutable bag of [Resource]s. The zero value is empty. Compare bags with [Resources.Equal], not with
// ==.
type Resources struct {
	// items has no empty resource and no two that are alike, except indivisible disks. The slice is never written to
	// once it is here.
	items []Resource
}

// Of returns the bag of rs. It adds up resources that are alike.
func Of(rs ...Resource) Resources { return collect(slices.Values(rs)) }

// Sum returns the sum of bags.
func Sum(bags ...Resources) Resources {
	switch len(bags) {
	case 0:
		return Resources{}
	case 1:
		return bags[0]
	}
	items := slices.Clone(bags[0].items)
	for _, bag := range bags[1:] {
		for _, r := range bag.items {
			items = add(items, r)
		}
	}
	return Resources{items}
}

func collect(rs iter.Seq[Resource]) Resources {
	var items []Resource
	for r := range rs {
		items = add(items, r)
	}
	return Resources{items}
}

// All yields the resources in the order they were first added.
func (rs Resources) All() iter.Seq[Resource] { return slices.Values(rs.items) }

// Len returns the number of entries.
func (rs Resources) Len() int { return len(rs.items) }

// IsEmpty reports whether the bag has no entries.
func (rs Resources) IsEmpty() bool { return len(rs.items) == 0 }

// Plus returns the sum of both bags.
func (rs Resources) Plus(other Resources) Resources {
	switch {
	case other.IsEmpty():
		return rs
	case rs.IsEmpty():
		return other
	}
	items := slices.Clone(rs.items)
	for _, r := range other.items {
		items = add(items, r)
	}
	return Resources{items}
}

// Minus returns rs without other. It ignores what rs does not have, and nothing becomes negative. Call
// [Resources.Contains] first if that matters.
func (rs Resources) Minus(other Resources) Resources {
	if rs.IsEmpty() || other.IsEmpty() {
		return rs
	}
	items := slices.Clone(rs.items)
	for i := range other.items {
		items = subtract(items, &other.items[i])
	}
	return Resources{items}
}

// Contains reports whether rs has everything in other. It is a partial order.
func (rs Resources) Contains(other Resources) bool {
	for i := range other.items {
		if !rs.has(&other.items[i], other) {
			return false
		}
	}
	return true
}

// has reports whether rs contains r, which is from bag. An indivisible r must occur in rs at least as often as in bag.
func (rs Resources) has(r *Resource, bag Resources) bool {
	if r.isIndivisible() && !r.IsShared() {
		return rs.copies(r) >= bag.copies(r)
	}
	i := find(rs.items, r)
	return i >= 0 && rs.items[i].covers(r)
}

// copies counts the resources that equal r.
func (rs Resources) copies(r *Resource) int {
	n := 0
	for i := range rs.items {
		if rs.items[i].isLike(r) && rs.items[i].equal(r) {
			n++
		}
	}
	return n
}

// Equal reports whether both bags have the same resources, in any order.
func (rs Resources) Equal(other Resources) bool {
	if len(rs.items) != len(other.items) {
		return false
	}
	if len(rs.items) == 0 || &rs.items[0] == &other.items[0] {
		return true
	}
	for i := range rs.items {
		r := &rs.items[i]
		if rs.copies(r) != other.copies(r) {
			return false
		}
	}
	return true
}

// add returns items with r added. It may change items.
func add(items []Resource, r Resource) []Resource {
	if r.isEmpty() {
		return items
	}
	if i := find(items, &r); i >= 0 && (!r.isIndivisible() || r.IsShared()) {
		items[i] = items[i].plus(r)
		return items
	}
	return append(items, r)
}

// subtract returns items with r subtracted. It may change items.
func subtract(items []Resource, r *Resource) []Resource {
	i := find(items, r)
	if i < 0 {
		return items
	}
	left := items[i].minus(*r)
	if left.isEmpty() || left.amount < 0 {
		return slices.Delete(items, i, i+1)
	}
	items[i] = left
	return items
}

// find returns the index in items of the resource that r can be subtracted from, or -1.
func find(items []Resource, r *Resource) int {
	whole := r.isIndivisible()
	for i := range items {
		if items[i].isLike(r) && (!whole || items[i].amount == r.amount) {
			return i
		}
	}
	return -1
}
