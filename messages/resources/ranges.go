package resources

import (
	"slices"
	"strconv"

	"meseta/messages/values"
)

// Range is the numbers from Begin to End, inclusive.
type Range = values.Range

// Ranges is a set of numbers, mostly ports, as sorted, disjoint and non-adjacent intervals. The zero value is empty. A
// Ranges is immutable.
type Ranges struct{ intervals []Range }

// RangesOf returns the numbers in any of rs, which may overlap and come in any order. An inverted range is empty.
func RangesOf(rs ...Range) Ranges {
	sorted := make([]Range, 0, len(rs))
	for _, r := range rs {
		if r.Begin <= r.End {
			sorted = append(sorted, r)
		}
	}
	slices.SortFunc(sorted, Range.Compare)
	return Ranges{values.Coalesce(sorted)}
}

// after returns n+1, or n if it is the last number.
func after(n uint64) uint64 { return max(n, n+1) }

// Intervals returns the intervals in ascending order.
func (rs Ranges) Intervals() []Range { return slices.Clone(rs.intervals) }

// IsEmpty reports whether rs holds no number.
func (rs Ranges) IsEmpty() bool { return len(rs.intervals) == 0 }

// Count returns the number of elements. For the set of all 2^64 numbers it returns 2^64-1, the greatest uint64.
func (rs Ranges) Count() uint64 {
	var n uint64 // wraps only for all 2^64 numbers, which form a single interval
	for _, r := range rs.intervals {
		n += after(r.End - r.Begin)
	}
	return n
}

// Equal reports whether rs and other hold the same numbers.
func (rs Ranges) Equal(other Ranges) bool { return slices.Equal(rs.intervals, other.intervals) }

// Contains reports whether rs holds all numbers of other.
func (rs Ranges) Contains(other Ranges) bool {
	i := 0
	for _, r := range other.intervals {
		for i < len(rs.intervals) && rs.intervals[i].End < r.Begin {
			i++
		}
		if i == len(rs.intervals) || rs.intervals[i].Begin > r.Begin || rs.intervals[i].End < r.End {
			return false
		}
	}
	return true
}

// Plus returns the numbers in rs or other.
func (rs Ranges) Plus(other Ranges) Ranges {
	switch {
	case other.IsEmpty():
		return rs
	case rs.IsEmpty():
		return other
	}
	merged := make([]Range, 0, len(rs.intervals)+len(other.intervals))
	a, b := rs.intervals, other.intervals
	for len(a) > 0 && len(b) > 0 {
		if a[0].Begin <= b[0].Begin {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	merged = append(append(merged, a...), b...)
	return Ranges{values.Coalesce(merged)}
}

// Minus returns the numbers in rs but not in other.
func (rs Ranges) Minus(other Ranges) Ranges {
	if rs.IsEmpty() || other.IsEmpty() {
		return rs
	}
	left := make([]Range, 0, len(rs.intervals)+len(other.intervals))
	holes := other.intervals
	for _, r := range rs.intervals {
		for len(holes) > 0 && holes[0].End < r.Begin {
			holes = holes[1:]
		}
		left = appendWithout(left, r, holes)
	}
	return Ranges{left}
}

// appendWithout appends the parts of r that are not in holes. These are sorted, and none lies wholly before r.
func appendWithout(out []Range, r Range, holes []Range) []Range {
	for _, h := range holes {
		if h.Begin > r.End {
			break
		}
		if h.Begin > r.Begin {
			out = append(out, Range{Begin: r.Begin, End: h.Begin - 1})
		}
		if h.End >= r.End {
			return out
		}
		r.Begin = h.End + 1
	}
	return append(out, r)
}

// String formats rs as [31000-32000, 40000-40000].
func (rs Ranges) String() string { return string(rs.append(nil)) }

func (rs Ranges) append(b []byte) []byte {
	b = append(b, '[')
	for i, r := range rs.intervals {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendUint(b, r.Begin, 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, r.End, 10)
	}
	return append(b, ']')
}
