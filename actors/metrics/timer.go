package metrics

import (
	"math"
	"slices"
	"time"
)

// Timer remembers how long something took: the latest time, and those of a window. The zero value has the window of
// Mesos's timers, an hour. It belongs to an actor.
type Timer struct {
	Window time.Duration // 0: an hour

	latest float64 // milliseconds
	count  uint64
	sum    float64
	series series
}

// Observe takes in that something which ended now took d.
func (t *Timer) Observe(now time.Time, d time.Duration) {
	window := t.Window
	if window == 0 {
		window = time.Hour
	}
	t.latest = float64(d) / float64(time.Millisecond)
	t.count++
	t.sum += t.latest
	t.series.add(now, t.latest, window)
}

// Statistics describe the values of a window; Count is 0 for less than two of them.
type Statistics struct {
	Count                           int
	Min, Max                        float64
	P50, P90, P95, P99, P999, P9999 float64
}

// seriesCapacity is how many values a window holds at most.
const seriesCapacity = 1000

// series are the values of a window, oldest first. When there are more than it can hold, older ones are thinned out:
// every second of the older half goes, one at a time, then again from the beginning, so that the whole window stays
// represented (libprocess: TimeSeries::sparsify).
type series struct {
	values []timed
	next   int // to go; 0: start with the second
}

type timed struct {
	at    time.Time
	value float64
}

func (s *series) add(now time.Time, value float64, window time.Duration) {
	s.values = append(s.values, timed{now, value})
	s.expire(now.Add(-window))
	if len(s.values) > seriesCapacity {
		s.thin()
	}
}

// expire removes what is not after oldest, but never the newest value.
func (s *series) expire(oldest time.Time) {
	gone := 0
	for gone < len(s.values)-1 && !s.values[gone].at.After(oldest) {
		gone++
	}
	if gone > 0 {
		s.values = slices.Delete(s.values, 0, gone)
		s.next = max(0, s.next-gone)
	}
}

func (s *series) thin() {
	if s.next == 0 || s.next > len(s.values)/2 {
		s.next = 1
	}
	s.values = slices.Delete(s.values, s.next, s.next+1)
	s.next++
}

func (s *series) statistics() Statistics {
	if len(s.values) < 2 {
		return Statistics{}
	}
	sorted := make([]float64, len(s.values))
	for i, v := range s.values {
		sorted[i] = v.value
	}
	slices.Sort(sorted)
	return Statistics{
		Count: len(sorted), Min: sorted[0], Max: sorted[len(sorted)-1],
		P50: percentile(sorted, 0.5), P90: percentile(sorted, 0.9), P95: percentile(sorted, 0.95),
		P99: percentile(sorted, 0.99), P999: percentile(sorted, 0.999), P9999: percentile(sorted, 0.9999),
	}
}

// percentile interpolates between the two values around it. There are at least two.
func percentile(sorted []float64, p float64) float64 {
	position := p * float64(len(sorted)-1)
	below := min(int(math.Floor(position)), len(sorted)-2)
	return sorted[below] + (sorted[below+1]-sorted[below])*(position-float64(below))
}
