package resources_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"meseta/messages/resources"
)

func TestQuantitiesSaturate(t *testing.T) {
	t.Parallel()
	saturated := func(n *big.Int) resources.Quantity {
		switch {
		case n.IsInt64():
			return resources.Quantity(n.Int64())
		case n.Sign() > 0:
			return math.MaxInt64
		}
		return math.MinInt64
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		x, y := resources.Quantity(a), resources.Quantity(b)
		if got, want := x.Plus(y), saturated(new(big.Int).Add(big.NewInt(a), big.NewInt(b))); got != want {
			t.Fatalf("%d + %d = %d, want %d", a, b, got, want)
		}
		if got, want := x.Minus(y), saturated(new(big.Int).Sub(big.NewInt(a), big.NewInt(b))); got != want {
			t.Fatalf("%d - %d = %d, want %d", a, b, got, want)
		}
		if x.Plus(y) != y.Plus(x) {
			t.Fatalf("%d + %d depends on the order", a, b)
		}
	})
}

func TestQuantitiesOfAnyNumberAreTheNearest(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]resources.Quantity{
		0: 0, 0.0005: 1, -0.0005: -1, 1.5: 1500, 9e15: 9e18, 1e16: math.MaxInt64, -1e16: math.MinInt64,
		math.Inf(1): math.MaxInt64, math.Inf(-1): math.MinInt64,
	} {
		if got := resources.QuantityOf(f); got != want {
			t.Errorf("%v is %d thousandths, want %d", f, got, want)
		}
	}
	if got := resources.QuantityOf(math.NaN()); got != 0 {
		t.Errorf("NaN is %d thousandths", got)
	}
}
