package metrics

import (
	"math"
	"slices"
	"time"
)

// Timer records durations: the latest one and those of a window. The zero value has a window of one hour, as Mesos's
// timers. A Timer belongs to an actor.
type Timer struct {
	Window time.Duration // how long durations are kept; 0 means one hour

	latest float64 // milliseconds
	count  uint64
	sum    float64
	series series
}

// Observe records that something that ended at now took d.
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

// Statistics describes the values of a window. Count is 0 if there are fewer than two.
type Statistics struct {
	Count                           int
	Min, Max                        float64
	P50, P90, P95, P99, P999, P9999 float64
}

// seriesCapacity is the largest number of values in a window.
const seriesCapacity = 1000

// series holds the values of a window, oldest first. When it is full, the older half is thinned out: every second
// value is removed, one at a time, then again from the beginning, so that the whole window stays represented
// (libprocess: TimeSeries::sparsify).
type series struct {
	values []timed
	next   int // index of the next value to remove; 0: start with the second
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

// expire removes the values that are not after oldest, but never the newest one.
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

// percentile returns the p-quantile of sorted, interpolated linearly. sorted must have at least two values.
func percentile(sorted []float64, p float64) float64 {
	position := p * float64(len(sorted)-1)
	below := min(int(math.Floor(position)), len(sorted)-2)
	return sorted[below] + (sorted[below+1]-sorted[below])*(position-float64(below))
}
