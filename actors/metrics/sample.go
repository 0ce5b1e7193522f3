package metrics

// Kind is the way a value behaves over time.
type Kind uint8

// The kinds of values.
const (
	KindGauge   Kind = iota // may go up and down
	KindCounter             // only grows while the process lives
	KindTimer               // the latest duration in milliseconds, with statistics of a window
)

// Value is a measured value.
type Value struct {
	Key   string // parts separated by slashes: "master/tasks_running"
	Kind  Kind
	Value float64
	// The remaining fields are set for timers only.
	Statistics Statistics // of the window; Count is 0 while it holds fewer than two durations
	Count      uint64     // number of all durations
	Sum        float64    // sum of all durations, in milliseconds
}

// Sample collects the values of an actor.
type Sample struct{ values []Value }

// Counter adds a counter.
func (s *Sample) Counter(key string, n uint64) {
	s.values = append(s.values, Value{Key: key, Kind: KindCounter, Value: float64(n)})
}

// Gauge adds a gauge.
func (s *Sample) Gauge(key string, v float64) {
	s.values = append(s.values, Value{Key: key, Kind: KindGauge, Value: v})
}

// Flag adds a gauge that is 1 if on and 0 otherwise.
func (s *Sample) Flag(key string, on bool) {
	v := 0.0
	if on {
		v = 1
	}
	s.Gauge(key, v)
}

// Timer adds the latest duration of t and the statistics of its window, or nothing if t has no durations. key ends in
// _ms, the unit.
func (s *Sample) Timer(key string, t *Timer) {
	if t.count == 0 {
		return
	}
	s.values = append(s.values, Value{
		Key: key, Kind: KindTimer, Value: t.latest, Statistics: t.series.statistics(), Count: t.count, Sum: t.sum,
	})
}
