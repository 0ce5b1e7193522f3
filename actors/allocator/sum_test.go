package allocator

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"meseta/messages/resources"
)

func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s sum
		want := new(big.Int)
		for _, n := range rapid.SliceOf(rapid.Int64()).Draw(t, "amounts") {
			if rapid.Bool().Draw(t, "taken") {
				s.subtract(resources.Quantity(n))
				want.Sub(want, big.NewInt(n))
				continue
			}
			s.add(resources.Quantity(n))
			want.Add(want, big.NewInt(n))
		}
		exact, _ := new(big.Float).SetInt(want).Float64()
		if got := s.float(); math.Abs(got-exact) > math.Abs(exact)*1e-15 || s.isZero() != (want.Sign() == 0) ||
			s.isPositive() != (want.Sign() > 0) {
			t.Fatalf("%v is %v, want %v", s, got, want)
		}
		if got := s.quantity(); int64(got) != nearest(want) {
			t.Fatalf("%v as a quantity is %d, want %d", want, got, nearest(want))
		}
	})
}

func nearest(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() > 0:
		return math.MaxInt64
	}
	return math.MinInt64
}
