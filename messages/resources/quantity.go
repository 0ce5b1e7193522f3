package resources

import (
	"errors"
	"math"
	"strconv"
)

// Quantity is an amount in thousandths, which is the precision of Mesos's scalars: 1500 is 1.5 cpus. Arithmetic
// saturates at the greatest and least amount.
type Quantity int64

// Unit is one whole unit, such as a cpu or a megabyte.
const Unit Quantity = 1000

// errNotFinite is the error for NaN, infinities and amounts out of the range of [Quantity].
var errNotFinite = errors.New("Unsupported floating point value")

// QuantityOf rounds f to thousandths, halves away from zero. Amounts out of range become the nearest one in range, and
// NaN becomes zero.
func QuantityOf(f float64) Quantity {
	q, err := exactly(f)
	switch {
	case err == nil:
		return q
	case f > 0:
		return math.MaxInt64
	case f < 0:
		return math.MinInt64
	default:
		return 0
	}
}

// exactly is QuantityOf for foreign input. It fails for numbers out of range.
func exactly(f float64) (Quantity, error) {
	f = math.Round(f * float64(Unit))
	if !(math.Abs(f) < math.MaxInt64) { // also false for NaN
		return 0, errNotFinite
	}
	return Quantity(f), nil
}

// Float returns the amount in whole units. It divides the fraction separately, as Mesos does, so that equal amounts
// give equal floats everywhere.
func (q Quantity) Float() float64 {
	return float64(q/Unit) + float64(q%Unit)/float64(Unit)
}

// String formats the amount in whole units with at most 15 digits and without trailing zeros.
func (q Quantity) String() string { return string(q.append(nil)) }

// append appends the text that String returns.
func (q Quantity) append(b []byte) []byte {
	const digits = 15
	if q <= -1e15 || q >= 1e15 {
		return strconv.AppendFloat(b, q.Float(), 'g', digits, 64)
	}
	if q < 0 {
		b, q = append(b, '-'), -q
	}
	b = strconv.AppendInt(b, int64(q/Unit), 10)
	if fraction := q % Unit; fraction != 0 {
		b = append(b, '.', byte('0'+fraction/100), byte('0'+fraction/10%10), byte('0'+fraction%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// Plus returns q + p, or the nearest amount in range. It must not wrap, because peers choose the amounts.
func (q Quantity) Plus(p Quantity) Quantity {
	sum := q + p
	switch {
	case p > 0 && sum < q:
		return math.MaxInt64
	case p < 0 && sum > q:
		return math.MinInt64
	}
	return sum
}

// Minus returns q - p, or the nearest amount in range.
func (q Quantity) Minus(p Quantity) Quantity {
	difference := q - p
	switch {
	case p < 0 && difference < q:
		return math.MaxInt64
	case p > 0 && difference > q:
		return math.MinInt64
	}
	return difference
}
