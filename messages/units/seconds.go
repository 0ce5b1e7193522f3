package units

import (
	"math"
	"time"
)

// Seconds returns the duration that a message gives as a number of seconds. A message can hold any number: what is
// longer than 292 years, infinity included, becomes the longest duration, what is less than its negative the least one,
// and what is no number becomes zero. Fractions of a nanosecond are dropped.
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

// Sum returns a + b, or the longest or the least duration where that is out of range.
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
