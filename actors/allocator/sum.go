package allocator

import (
	"math"
	"math/bits"

	"meseta/messages/resources"
)

// sum is a 128-bit sum of amounts, which never wraps. Agents report any totals they like, and these are subtracted
// when the agents leave; a [resources.Quantity] that saturated while adding would be too small from then on.
type sum struct {
	high int64
	low  uint64
}

func (s *sum) add(q resources.Quantity) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(q), 0)
	s.high += int64(q)>>63 + int64(carry)
}

func (s *sum) subtract(q resources.Quantity) {
	var borrow uint64
	s.low, borrow = bits.Sub64(s.low, uint64(q), 0)
	s.high -= int64(q)>>63 + int64(borrow)
}

func (s sum) isZero() bool { return s == sum{} }

func (s sum) isPositive() bool { return s.high > 0 || s.high == 0 && s.low > 0 }

// float returns the sum in thousandths, as [resources.Quantity] counts.
func (s sum) float() float64 {
	if s.high == int64(s.low)>>63 {
		return float64(int64(s.low))
	}
	return float64(s.high)*0x1p64 + float64(s.low)
}

// quantity returns the sum, or the nearest representable amount.
func (s sum) quantity() resources.Quantity {
	switch {
	case s.high > 0 || s.high == 0 && s.low > math.MaxInt64:
		return math.MaxInt64
	case s.high < -1 || s.high == -1 && s.low <= math.MaxInt64:
		return math.MinInt64
	}
	return resources.Quantity(s.low)
}
