package resources

import (
	"slices"
	"strings"
)

// Set is a set of names. The zero value is empty. A Set is immutable.
//
// Differs: Mesos keeps names in the order in which they were added. Here they are sorted, so that equal sets print
// alike.
type Set struct{ items []string }

// SetOf returns the set of items, which may repeat and come in any order.
func SetOf(items ...string) Set {
	sorted := slices.Clone(items)
	slices.Sort(sorted)
	return Set{slices.Compact(sorted)}
}

// Items returns the names in ascending order.
func (s Set) Items() []string { return slices.Clone(s.items) }

// IsEmpty reports whether s holds nothing.
func (s Set) IsEmpty() bool { return len(s.items) == 0 }

// Equal reports whether s and other hold the same names.
func (s Set) Equal(other Set) bool { return slices.Equal(s.items, other.items) }

// has reports whether s holds item.
func (s Set) has(item string) bool {
	_, found := slices.BinarySearch(s.items, item)
	return found
}

// Contains reports whether s holds all names of other.
func (s Set) Contains(other Set) bool {
	return !slices.ContainsFunc(other.items, func(item string) bool { return !s.has(item) })
}

// Plus returns the names in s or other.
func (s Set) Plus(other Set) Set {
	return SetOf(slices.Concat(s.items, other.items)...)
}

// Minus returns the names in s but not in other.
func (s Set) Minus(other Set) Set {
	return Set{slices.DeleteFunc(slices.Clone(s.items), other.has)}
}

// String prints s as {a, b}.
func (s Set) String() string { return string(s.append(nil)) }

func (s Set) append(b []byte) []byte {
	b = append(b, '{')
	b = append(b, strings.Join(s.items, ", ")...)
	return append(b, '}')
}
