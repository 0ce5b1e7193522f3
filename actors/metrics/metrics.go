package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/limiter"
	"meseta/runtime/web"
)

// ID is the name of the actor on every node.
const ID = "metrics"

// Metrics is the actor that collects the values of the other actors of its node.
type Metrics struct {
	runtime.Actor
	options Options
	limiter *limiter.Limiter // nil: no limit
	sources []*source        // in the order in which they exported
}

// source is one function that an actor exported.
type source struct {
	owner   runtime.PID
	measure func() runtime.Future[*Sample]
}

// Rate is a number of times per duration. The zero Rate means no limit.
type Rate struct {
	Times int
	Per   time.Duration
}

// Options configures the actor.
type Options struct {
	// Snapshots limits how often /metrics/snapshot is answered; further requests wait. The zero Rate means no limit.
	Snapshots Rate
	// Realm is the authentication realm of the endpoints; see [web.RouteIn]. If it is empty, requests are not
	// authenticated.
	Realm string
}

// Spawn starts the actor on n.
func Spawn(n *runtime.Node, o Options) (runtime.Ref[*Metrics], error) {
	return runtime.Spawn(n, ID, &Metrics{options: o})
}

// Initialize implements [runtime.Initializer].
func (m *Metrics) Initialize() {
	if limit := m.options.Snapshots; limit.Times > 0 {
		m.limiter = limiter.New(m, float64(limit.Times), limit.Per)
	}
	web.RouteIn(m, m.options.Realm, "/snapshot", snapshotHelp, m.snapshot)
	web.RouteIn(m, m.options.Realm, "/", prometheusHelp, m.scrape)
}

// Exporter is an actor that exports values.
type Exporter interface {
	runtime.Behavior
	Node() *runtime.Node
}

// Export registers measure, which is called on turns of b whenever the node's metrics are read. b may call Export
// several times.
func Export(b Exporter, measure func(*Sample)) {
	m, ok := runtime.Find[*Metrics](b.Node(), ID)
	if !ok {
		return
	}
	self := runtime.RefOf(b)
	read := func(Exporter) *Sample {
		s := &Sample{}
		measure(s)
		return s
	}
	from := &source{self.PID(), func() runtime.Future[*Sample] { return runtime.Dispatch(self, read) }}
	runtime.Tell(m, func(m *Metrics) { m.sources = append(m.sources, from) })
}

// ExportOf registers values of a node that belong to no actor. measure may be called on any turn and must not block.
func ExportOf(n *runtime.Node, measure func(*Sample)) {
	m, ok := runtime.Find[*Metrics](n, ID)
	if !ok {
		return
	}
	read := func() runtime.Future[*Sample] {
		s := &Sample{}
		measure(s)
		return runtime.Ready(s)
	}
	runtime.Tell(m, func(m *Metrics) { m.sources = append(m.sources, &source{measure: read}) })
}

// Of returns all values of a node, ordered by key. It omits those of actors that take longer than timeout to answer; a
// timeout of 0 waits for all of them. A node without the actor has no values.
func Of(n *runtime.Node, timeout time.Duration) runtime.Future[[]Value] {
	m, ok := runtime.Find[*Metrics](n, ID)
	if !ok {
		return runtime.Ready[[]Value](nil)
	}
	return runtime.Ask(m, (*Metrics).Gather, timeout)
}

// Gather is like [Of], for callers that have a reference to the actor. Discarding the future discards the requests it
// waits for.
func (m *Metrics) Gather(timeout time.Duration) runtime.Future[[]Value] {
	sources := slices.Clone(m.sources)
	asked := make([]runtime.Future[*Sample], len(sources))
	for i, s := range sources {
		asked[i] = s.measure()
		if timeout > 0 {
			asked[i] = runtime.Within(m, asked[i], timeout, runtime.ErrTimeout)
		}
	}
	return runtime.Continue(m, runtime.Settled(asked...), func(samples []runtime.Result[*Sample], err error) ([]Value, error) {
		return m.merge(sources, samples), err
	})
}

// merge combines the samples of sources and drops the sources whose actors have terminated; other actors may have
// taken their names. If two sources write the same key, the first wins.
func (m *Metrics) merge(sources []*source, samples []runtime.Result[*Sample]) []Value {
	var all []Value
	for i, s := range samples {
		switch {
		case s.Err == nil:
			all = append(all, s.Value.values...)
		case errors.Is(s.Err, runtime.ErrTerminated):
			m.sources = slices.DeleteFunc(m.sources, func(known *source) bool { return known == sources[i] })
		default:
			m.Log().Debug().Stringer("owner", sources[i].owner).Err(s.Err).Msg("metrics left out")
		}
	}
	slices.SortStableFunc(all, func(x, y Value) int { return cmp.Compare(x.Key, y.Key) })
	return slices.CompactFunc(all, func(x, y Value) bool { return x.Key == y.Key })
}

// ParseRate parses a rate such as "2/1secs". The empty string is the zero Rate, no limit.
func ParseRate(text string) (Rate, error) {
	if text == "" {
		return Rate{}, nil
	}
	times, per, ok := strings.Cut(text, "/")
	if !ok {
		return Rate{}, fmt.Errorf("rate %q is not <number of requests>/<interval duration>", text)
	}
	n, err := strconv.Atoi(times)
	if err != nil || n < 1 {
		return Rate{}, fmt.Errorf("rate %q: %q is not a number of requests", text, times)
	}
	d, err := units.ParseDuration(per)
	if err == nil && d <= 0 {
		err = errors.New("the interval must not be empty")
	}
	if err != nil {
		return Rate{}, fmt.Errorf("rate %q: %w", text, err)
	}
	return Rate{n, d}, nil
}
