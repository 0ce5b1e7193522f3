package resources

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/values"
)

// Quantities holds amounts by name, regardless of reservations and allocations. Amounts are above zero. The zero value
// is empty. A Quantities is immutable.
//
// Mesos: ResourceQuantities.
type Quantities struct {
	entries []quantity // by name, which are unique
}

type quantity struct {
	name   string
	amount Quantity
}

// QuantitiesOf returns the given amounts, without zeros.
func QuantitiesOf(amounts map[string]Quantity) Quantities {
	var q Quantities
	for name, amount := range amounts {
		if amount > 0 {
			q.entries = append(q.entries, quantity{name, amount})
		}
	}
	slices.SortFunc(q.entries, func(a, b quantity) int { return cmp.Compare(a.name, b.name) })
	return q
}

// Amounts returns scalars, as messages hold them by name, as amounts.
func Amounts(scalars map[string]*mesospb.Value_Scalar) map[string]Quantity {
	amounts := make(map[string]Quantity, len(scalars))
	for name, scalar := range scalars {
		amounts[name] = QuantityOf(scalar.GetValue())
	}
	return amounts
}

// ParseQuantities parses text such as "cpus:0.01;mem:32".
//
// Mesos: ResourceQuantities::fromString.
func ParseQuantities(text string) (Quantities, error) {
	var q Quantities
	if err := parseAmounts(text, "quantity", func(name string, amount Quantity) { q.entries = insert(q.entries, name, amount) }); err != nil {
		return Quantities{}, err
	}
	return q, nil
}

// parseAmounts calls each for the amounts in text such as "cpus:0.01;mem:32".
func parseAmounts(text, what string, each func(name string, amount Quantity)) error {
	for _, token := range values.Tokens(text, ";") {
		pair := values.Tokens(token, ":")
		if len(pair) != 2 {
			return fmt.Errorf("Failed to parse '%s': missing or extra ':'", token)
		}
		v, err := values.Parse(pair[1])
		if err == nil && v.GetType() != mesospb.Value_SCALAR {
			err = errors.New("only scalar values are allowed")
		}
		if err != nil {
			return fmt.Errorf("Failed to parse '%s' to %s: %w", pair[1], what, err)
		}
		each(strings.TrimSpace(pair[0]), QuantityOf(v.GetScalar().GetValue()))
	}
	return nil
}

// Quantities returns the amount of every resource by name: amounts of scalars, counts of numbers in ranges, counts of
// names in sets. A shared resource counts once.
func (rs Resources) Quantities() Quantities { return rs.quantities(func(*kind) bool { return true }) }

// ScalarQuantities returns the amounts of the scalar resources by name.
func (rs Resources) ScalarQuantities() Quantities {
	return rs.quantities(func(k *kind) bool { return k.typ == ScalarType })
}

func (rs Resources) quantities(counts func(*kind) bool) Quantities {
	entries := make([]quantity, 0, len(rs.items))
	for _, r := range rs.items {
		if k := r.kind.Value(); counts(&k) {
			entries = insert(entries, k.name, r.Count())
		}
	}
	return Quantities{entries}
}

// insert adds amount to entries, in place.
func insert(entries []quantity, name string, amount Quantity) []quantity {
	if amount <= 0 {
		return entries
	}
	i := 0
	for i < len(entries) && entries[i].name < name {
		i++
	}
	if i < len(entries) && entries[i].name == name {
		entries[i].amount = entries[i].amount.Plus(amount)
		return entries
	}
	return slices.Insert(entries, i, quantity{name, amount})
}

// All yields names in ascending order with their amounts.
func (q Quantities) All() iter.Seq2[string, Quantity] {
	return func(yield func(string, Quantity) bool) {
		for _, e := range q.entries {
			if !yield(e.name, e.amount) {
				return
			}
		}
	}
}

// Get returns the amount of name.
func (q Quantities) Get(name string) Quantity {
	for i := range q.entries {
		if q.entries[i].name == name {
			return q.entries[i].amount
		}
	}
	return 0
}

// IsEmpty reports whether there are no amounts.
func (q Quantities) IsEmpty() bool { return len(q.entries) == 0 }

// Equal reports whether q and other hold the same amounts.
func (q Quantities) Equal(other Quantities) bool { return slices.Equal(q.entries, other.entries) }

// Contains reports whether q has at least the amounts in other.
func (q Quantities) Contains(other Quantities) bool {
	for _, e := range other.entries {
		if q.Get(e.name) < e.amount {
			return false
		}
	}
	return true
}

// Plus returns the sums of the amounts.
func (q Quantities) Plus(other Quantities) Quantities {
	sum := slices.Clone(q.entries)
	for _, e := range other.entries {
		sum = insert(sum, e.name, e.amount)
	}
	return Quantities{sum}
}

// Minus returns the differences of the amounts, without those that are not above zero.
func (q Quantities) Minus(other Quantities) Quantities {
	var left []quantity
	for _, e := range q.entries {
		if e.amount -= other.Get(e.name); e.amount > 0 {
			left = append(left, e)
		}
	}
	return Quantities{left}
}

// String formats q as "cpus:0.01; mem:32", or "{}" if it is empty.
func (q Quantities) String() string {
	if q.IsEmpty() {
		return "{}"
	}
	var b []byte
	for i, e := range q.entries {
		if i > 0 {
			b = append(b, "; "...)
		}
		b = append(append(b, e.name...), ':')
		b = e.amount.append(b)
	}
	return string(b)
}

// Satisfies reports whether the bag has at least the amounts in q.
func (rs Resources) Satisfies(q Quantities) bool {
	for _, e := range q.entries {
		var sum Quantity
		for i := range rs.items {
			if k := rs.items[i].kind.Value(); k.name == e.name {
				sum = sum.Plus(rs.items[i].Count())
			}
		}
		if sum < e.amount {
			return false
		}
	}
	return true
}
