package metrics

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"meseta/runtime"
	"meseta/runtime/web"
)

var prometheusHelp = web.Help{
	TLDR: "All metrics of the process, for Prometheus.",
	Description: "The values of /metrics/snapshot under names that Prometheus expects, with roles and frameworks as labels " +
		"and times in seconds, and those of the Go runtime. With timeout=DURATION, such as 5secs, the response is sent within that time and " +
		"omits the values that were not available by then.",
}

// scrape answers /metrics.
func (m *Metrics) scrape(req *web.Request) runtime.Future[*web.Response] {
	if path := strings.Trim(req.URL.Path, "/"); path != m.Self().ID {
		return runtime.Ready(web.NotFound())
	}
	timeout, err := timeoutOf(req)
	if err != nil {
		return runtime.Ready(web.BadRequest(err.Error() + ".\n"))
	}
	format := expfmt.NegotiateAccept(req.Header, expfmt.DefaultAcceptedFormats()...)
	page := runtime.Chain(m, m.Gather(timeout), func(values []Value, err error) runtime.Future[[]byte] {
		if err != nil {
			return runtime.Failed[[]byte](err)
		}
		log := m.Log()
		return runtime.Go(m, func(context.Context) ([]byte, error) {
			page, err := expose(values, format)
			if err != nil {
				log.Warn().Err(err).Msg("inconsistent metrics omitted")
			}
			return page, nil
		})
	})
	return runtime.Then(page, func(body []byte) (*web.Response, error) {
		return &web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {string(format)}}, Body: body,
		}, nil
	})
}

// expose encodes values and those of the Go runtime in format. With an error it returns what could be encoded.
func expose(values []Value, format expfmt.Format) ([]byte, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(exposition(values), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	var page bytes.Buffer
	encoder := expfmt.NewEncoder(&page, format)
	for _, family := range families {
		err = errors.Join(err, encoder.Encode(family))
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		err = errors.Join(err, closer.Close())
	}
	return page.Bytes(), err
}

// exposition is a list of values as a [prometheus.Collector].
type exposition []Value

// Describe implements [prometheus.Collector]. It sends nothing, because the metrics are only known on collection.
func (exposition) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (e exposition) Collect(out chan<- prometheus.Metric) {
	for i := range e {
		out <- metricOf(&e[i])
	}
}

// millisecond is the unit of Mesos's timers in seconds, the unit of Prometheus.
const millisecond = 1e-3

// metricOf converts a value. In Prometheus the names of counters, and of nothing else, end in _total, and times are in
// seconds. A value that Prometheus cannot represent, such as one of a role that is not UTF-8, becomes an invalid
// metric.
func metricOf(v *Value) prometheus.Metric {
	p, labels := known.find(v.Key)
	name := "mesos_" + p.name
	if short, ok := strings.CutSuffix(name, "_secs"); ok {
		name = short + "_seconds"
	}
	kind := prometheus.GaugeValue
	switch v.Kind {
	case KindCounter:
		name, kind = name+"_total", prometheus.CounterValue
	case KindGauge:
		name = strings.TrimSuffix(name, "_total") // a capacity, the counterpart of _used
	case KindTimer:
		desc := prometheus.NewDesc(strings.TrimSuffix(name, "_ms")+"_seconds", p.help, p.labels, nil)
		return orInvalid(desc)(prometheus.NewConstSummary(desc, v.Count, v.Sum*millisecond, quantiles(&v.Statistics), labels...))
	}
	desc := prometheus.NewDesc(name, p.help, p.labels, nil)
	return orInvalid(desc)(prometheus.NewConstMetric(desc, kind, v.Value, labels...))
}

func orInvalid(desc *prometheus.Desc) func(prometheus.Metric, error) prometheus.Metric {
	return func(m prometheus.Metric, err error) prometheus.Metric {
		if err != nil {
			return prometheus.NewInvalidMetric(desc, err)
		}
		return m
	}
}

func quantiles(s *Statistics) map[float64]float64 {
	if s.Count == 0 {
		return nil
	}
	return map[float64]float64{
		0: s.Min * millisecond, 0.5: s.P50 * millisecond, 0.9: s.P90 * millisecond, 0.95: s.P95 * millisecond,
		0.99: s.P99 * millisecond, 0.999: s.P999 * millisecond, 0.9999: s.P9999 * millisecond, 1: s.Max * millisecond,
	}
}
