package values

import (
	"cmp"
	"slices"

	"meseta/messages/pb/mesospb"
)

// Range is the numbers from Begin to End, inclusive.
type Range struct{ Begin, End uint64 }

// Compare compares ranges by Begin.
func (r Range) Compare(other Range) int { return cmp.Compare(r.Begin, other.Begin) }

// Coalesce joins, in place, ranges that overlap or touch. They must be sorted, and none may be inverted.
func Coalesce(sorted []Range) []Range {
	out := sorted[:0]
	for _, r := range sorted {
		if last := len(out) - 1; last >= 0 && (r.Begin <= out[last].End || r.Begin-1 == out[last].End) {
			out[last].End = max(out[last].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// RangesProto returns ranges as a message.
func RangesProto(ranges []Range) *mesospb.Value_Ranges {
	p := &mesospb.Value_Ranges{Range: make([]*mesospb.Value_Range, len(ranges))}
	own := slices.Clone(ranges) // ranges must not change when the message does
	for i := range own {
		p.Range[i] = &mesospb.Value_Range{Begin: &own[i].Begin, End: &own[i].End}
	}
	return p
}

// RangesOf returns the ranges in a message, unchanged.
func RangesOf(p *mesospb.Value_Ranges) []Range {
	ranges := make([]Range, len(p.GetRange()))
	for i, r := range p.GetRange() {
		ranges[i] = Range{r.GetBegin(), r.GetEnd()}
	}
	return ranges
}
