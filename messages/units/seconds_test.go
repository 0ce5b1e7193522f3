package units_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meseta/messages/units"
)

func TestSeconds(t *testing.T) {
	t.Parallel()
	for s, want := range map[float64]time.Duration{
		0: 0, 1.5: 1500 * time.Millisecond, -2: -2 * time.Second, 1e-10: 0, 3.2e9: 32e8 * time.Second,
		1e10: math.MaxInt64, 1e300: math.MaxInt64, math.MaxFloat64: math.MaxInt64, math.Inf(1): math.MaxInt64,
		-1e10: math.MinInt64, -math.MaxFloat64: math.MinInt64, math.Inf(-1): math.MinInt64,
		math.MaxInt64 / 1e9: math.MaxInt64,
	} {
		if got := units.Seconds(s); got != want {
			t.Errorf("%v s are %v, want %v", s, got, want)
		}
	}
	if got := units.Seconds(math.NaN()); got != 0 {
		t.Errorf("NaN is %v", got)
	}
}

func TestSecondsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if x, y := units.Seconds(a), units.Seconds(b); a <= b && x > y {
			t.Fatalf("%v s are %v, but %v s are %v", a, x, b, y)
		}
	})
}

func TestSumsSaturate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		switch {
		case want.Cmp(big.NewInt(math.MaxInt64)) > 0:
			want.SetInt64(math.MaxInt64)
		case want.Cmp(big.NewInt(math.MinInt64)) < 0:
			want.SetInt64(math.MinInt64)
		}
		if got := units.Sum(time.Duration(a), time.Duration(b)); int64(got) != want.Int64() {
			t.Fatalf("%d + %d = %d", a, b, got)
		}
	})
}
