package metrics

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStatisticsInterpolate(t *testing.T) {
	t.Parallel()
	var timer Timer
	now := time.Unix(0, 0)
	for _, ms := range []int{40, 10, 30, 20, 50} {
		now = now.Add(time.Second)
		timer.Observe(now, time.Duration(ms)*time.Millisecond)
	}
	want := Statistics{Count: 5, Min: 10, Max: 50, P50: 30, P90: 46, P95: 48, P99: 49.6, P999: 49.96, P9999: 49.996}
	if got := timer.series.statistics(); !near(got.P90, want.P90) || !near(got.P9999, want.P9999) || got.P50 != want.P50 ||
		got.Count != want.Count || got.Min != want.Min || got.Max != want.Max {
		t.Errorf("%+v, want %+v", got, want)
	}
	if timer.latest != 50 || timer.count != 5 || timer.sum != 150 {
		t.Errorf("%+v", timer)
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestOldValuesLeaveTheWindowButTheNewestStays(t *testing.T) {
	t.Parallel()
	var s series
	start := time.Unix(0, 0)
	for i := range 10 {
		s.add(start.Add(time.Duration(i)*time.Minute), float64(i), 5*time.Minute)
	}
	if got := s.numbers(); !slices.Equal(got, []float64{5, 6, 7, 8, 9}) {
		t.Errorf("%v", got)
	}
	s.add(start.Add(time.Hour), 10, 5*time.Minute)
	if got := s.numbers(); !slices.Equal(got, []float64{10}) {
		t.Errorf("%v", got)
	}
}

func (s *series) numbers() []float64 {
	var all []float64
	for _, v := range s.values {
		all = append(all, v.value)
	}
	return all
}

func TestThinningKeepsTheWholeWindow(t *testing.T) {
	t.Parallel()
	var s series
	for i := range 2 * seriesCapacity {
		s.add(time.Unix(int64(i), 0), float64(i), 1000*time.Hour)
	}
	got := s.numbers()
	if len(got) != seriesCapacity || got[0] != 0 || got[len(got)-1] != 2*seriesCapacity-1 || !slices.IsSorted(got) {
		t.Fatalf("%d values from %v to %v", len(got), got[0], got[len(got)-1])
	}
	// The newer half is complete, the older half has some of everything.
	if newest := got[seriesCapacity/2+1]; newest < seriesCapacity {
		t.Errorf("the newer half begins at %v", newest)
	}
	for i := 1; i < len(got); i++ {
		if gap := got[i] - got[i-1]; gap > 8 {
			t.Errorf("nothing between %v and %v", got[i-1], got[i])
		}
	}
}

func TestSeriesHoldItsInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s series
		now := time.Unix(0, 0)
		for range rapid.IntRange(1, 3000).Draw(t, "values") {
			now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "gap")) * time.Second)
			s.add(now, 1, time.Hour)
			if len(s.values) > seriesCapacity || !s.values[len(s.values)-1].at.Equal(now) {
				t.Fatalf("%d values, the last of %v, now is %v", len(s.values), s.values[len(s.values)-1].at, now)
			}
		}
	})
}
