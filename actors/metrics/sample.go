package metrics

// Kind tells what a value does over time.
type Kind uint8

// The kinds of values.
const (
	KindGauge   Kind = iota // goes up and down
	KindCounter             // only grows while the process lives
	KindTimer               // the latest duration, in milliseconds, with the statistics of its window
)

// Value is one measured value.
type Value struct {
	Key   string // slashes between its parts: "master/tasks_running"
	Kind  Kind
	Value float64
	// Of a timer:
	Statistics Statistics // of its window; its Count is 0 while the window holds less than two durations
	Count      uint64     // of all durations
	Sum        float64    // of all durations
}

// Sample is what an actor writes its values to.
type Sample struct{ values []Value }

// Counter writes how often something happened.
func (s *Sample) Counter(key string, n uint64) {
	s.values = append(s.values, Value{Key: key, Kind: KindCounter, Value: float64(n)})
}

// Gauge writes how much of something there is.
func (s *Sample) Gauge(key string, v float64) {
	s.values = append(s.values, Value{Key: key, Kind: KindGauge, Value: v})
}

// Flag writes 1 or 0.
func (s *Sample) Flag(key string, on bool) {
	v := 0.0
	if on {
		v = 1
	}
	s.Gauge(key, v)
}

// Timer writes the latest duration of t and the statistics of its window; nothing while nothing was timed. key ends in
// _ms, the unit.
func (s *Sample) Timer(key string, t *Timer) {
	if t.count == 0 {
		return
	}
	s.values = append(s.values, Value{
		Key: key, Kind: KindTimer, Value: t.latest, Statistics: t.series.statistics(), Count: t.count, Sum: t.sum,
	})
}
