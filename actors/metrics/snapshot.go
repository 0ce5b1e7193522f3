package metrics

import (
	"encoding/json"
	"fmt"
	"time"

	"meseta/messages/mesosjson"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/web"
)

var snapshotHelp = web.Help{
	TLDR: "All metrics of the process.",
	Description: "Returns an object of numbers by name. With timeout=DURATION, such as 5secs, the response is sent within that time " +
		"and omits the values that were not available by then.",
}

// snapshot answers /metrics/snapshot.
func (m *Metrics) snapshot(req *web.Request) runtime.Future[*web.Response] {
	if req.Route != "/snapshot" {
		return runtime.Ready(web.NotFound())
	}
	timeout, err := timeoutOf(req)
	if err != nil {
		return runtime.Ready(web.BadRequest(err.Error() + ".\n"))
	}
	gathered := runtime.Chain(m, m.permit(), func(_ struct{}, err error) runtime.Future[[]Value] {
		if err != nil {
			return runtime.Failed[[]Value](err)
		}
		return m.Gather(timeout)
	})
	return runtime.Then(gathered, func(values []Value) (*web.Response, error) {
		return web.JSON(req, json.RawMessage(Append(nil, values))), nil
	})
}

// permit completes when the next snapshot may be taken. Discarding the future leaves the permit to other requests.
func (m *Metrics) permit() runtime.Future[struct{}] {
	if m.limiter == nil {
		return runtime.Ready(struct{}{})
	}
	return m.limiter.Acquire()
}

// timeoutOf returns the value of the parameter timeout, or 0 if it is missing.
func timeoutOf(req *web.Request) (time.Duration, error) {
	query := req.URL.Query()
	if !query.Has("timeout") {
		return 0, nil
	}
	text := query.Get("timeout")
	timeout, err := units.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("Invalid timeout '%s': %w", text, err)
	}
	return max(timeout, 1), nil // 0secs asks for the values that are available at once
}

// Append appends values, which must be sorted, to b as Mesos's flat JSON object. A timer becomes one number for each
// of its statistics.
func Append(b []byte, values []Value) []byte {
	b = append(b, '{')
	for i := range values {
		Flatten(&values[i], func(part string, v float64) {
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b = mesosjson.AppendString(b, values[i].Key+part)
			b = append(b, ':')
			b = mesosjson.AppendFloat(b, v)
		})
	}
	return append(b, '}')
}

// Flatten calls show for each number of v with the suffix that its name has after the key: "", "/count", "/max".
func Flatten(v *Value, show func(part string, value float64)) {
	show("", v.Value)
	s := &v.Statistics
	if s.Count == 0 {
		return
	}
	show("/count", float64(s.Count))
	show("/max", s.Max)
	show("/min", s.Min)
	show("/p50", s.P50)
	show("/p90", s.P90)
	show("/p95", s.P95)
	show("/p99", s.P99)
	show("/p999", s.P999)
	show("/p9999", s.P9999)
}
