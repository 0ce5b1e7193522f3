package resources

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Limits bounds amounts by name. What is not named is not bounded; a bound of zero allows nothing. The zero value bounds
// nothing. A Limits is immutable.
//
// Mesos: ResourceLimits.
type Limits struct {
	entries []quantity // by name, which are unique; never below zero
}

// LimitsOf returns the given bounds.
func LimitsOf(bounds map[string]Quantity) Limits {
	var l Limits
	for name, bound := range bounds {
		l.entries = append(l.entries, quantity{name, max(bound, 0)})
	}
	slices.SortFunc(l.entries, func(a, b quantity) int { return cmp.Compare(a.name, b.name) })
	return l
}

// ParseLimits parses text such as "cpus:20;gpus:0", in which each name occurs once.
//
// Mesos: ResourceLimits::fromString.
func ParseLimits(text string) (Limits, error) {
	bounds := map[string]Quantity{}
	var wrong error
	err := parseAmounts(text, "limit", func(name string, amount Quantity) {
		if _, twice := bounds[name]; twice {
			wrong = fmt.Errorf("Failed to parse '%s': '%s' is named twice", text, name)
		}
		if bounds[name] = amount; amount < 0 {
			wrong = fmt.Errorf("Failed to parse '%s' to limit: negative values are not supported", amount)
		}
	})
	return LimitsOf(bounds), cmp.Or(err, wrong)
}

// All yields names in ascending order with their bounds.
func (l Limits) All() iter.Seq2[string, Quantity] { return Quantities(l).All() }

// Of returns the bound of name; bounded is false if there is none.
func (l Limits) Of(name string) (bound Quantity, bounded bool) {
	for i := range l.entries {
		if l.entries[i].name == name {
			return l.entries[i].amount, true
		}
	}
	return 0, false
}

// IsEmpty reports whether nothing is bounded.
func (l Limits) IsEmpty() bool { return len(l.entries) == 0 }

// Allow reports whether amounts are within the bounds.
func (l Limits) Allow(amounts Quantities) bool {
	for _, e := range l.entries {
		if amounts.Get(e.name) > e.amount {
			return false
		}
	}
	return true
}

// String formats l as "cpus:0.01; mem:32", or "{}" if nothing is bounded.
func (l Limits) String() string { return Quantities(l).String() }

// AtMost returns the bag with no more than most(name) of the scalars of each name; bounded is false for names of which
// there may be any amount. What is indivisible is kept as a whole or not at all.
//
// Mesos: shrinkResources.
func (rs Resources) AtMost(most func(name string) (amount Quantity, bounded bool)) Resources {
	kept, cut := make([]Resource, 0, len(rs.items)), false
	for _, r := range rs.items {
		amount, bounded := most(r.Name())
		left := max(amount.Minus(Resources{kept}.amount(r.Name())), 0)
		if bounded && r.amount > left {
			cut = true
			if left == 0 || r.isIndivisible() {
				continue
			}
			r.amount = left
		}
		kept = append(kept, r)
	}
	if !cut {
		return rs
	}
	return Resources{kept}
}
