package units

import (
	"math"
	"time"
)

// Seconds converts a number of seconds in a message to a duration. A message can hold any number: values out of range,
// including infinity, become the longest or the most negative duration (about 292 years), and NaN becomes zero.
// Fractions of a nanosecond are dropped.
//
// Differs: Duration::create of Mesos refuses what is out of range, which ends the process in places.
func Seconds(s float64) time.Duration {
	ns := s * float64(time.Second)
	switch {
	case ns >= math.MaxInt64:
		return math.MaxInt64
	case ns <= math.MinInt64:
		return math.MinInt64
	case math.IsNaN(ns):
		return 0
	}
	return time.Duration(ns)
}

// Sum returns a + b, or the longest or the most negative duration if the sum is out of range.
func Sum(a, b time.Duration) time.Duration {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}
