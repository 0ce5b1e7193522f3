package watch_test

import (
	"testing"
	"time"

	"meseta/runtime/internal/watch"
)

// Of the system's clock a watch tells the time to which it was adjusted, and never an earlier one.
func TestAWatchTellsTheSystemsTime(t *testing.T) {
	t.Parallel()
	before := time.Now().Round(0)
	var w watch.Watch
	w.Start(nil)
	first := w.Now()
	second := w.Now()
	after := time.Now().Round(0)
	if first > second {
		t.Errorf("it told %d, then %d", first, second)
	}
	if got := time.Unix(0, first); got.Before(before.Add(-time.Hour)) || got.After(after.Add(time.Hour)) {
		t.Errorf("it told %v between %v and %v", got, before, after)
	}
}

// at is a clock that stands still.
type at struct{ now *time.Time }

func (a at) Now() time.Time { return *a.now }

func TestAWatchTellsTheTimeOfAClock(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 7)
	var w watch.Watch
	w.Start(at{&now})
	for range 2 {
		if got := w.Now(); got != now.UnixNano() {
			t.Errorf("it told %d; want %d", got, now.UnixNano())
		}
		now = now.Add(time.Minute)
		w.Adjust()
	}
}
