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
	"meseta/runtime/web"
)

// ID is the name of the actor on every node.
const ID = "metrics"

// Metrics asks the other actors of its node for their values.
type Metrics struct {
	runtime.Actor
	options Options
	limiter *runtime.Limiter // nil: none
	sources []*source        // in the order in which they exported
}

// source is an actor that shows values.
type source struct {
	owner   runtime.PID
	measure func() runtime.Future[*Sample]
}

// Rate is how often something may happen. The zero Rate knows no bound.
type Rate struct {
	Times int
	Per   time.Duration
}

// Options are how the actor serves.
type Options struct {
	Snapshots Rate   // how often /metrics/snapshot is answered; more requests wait for their turn
	Realm     string // of the routes, see [web.RouteIn]
}

// Spawn starts the actor on n.
func Spawn(n *runtime.Node, o Options) (runtime.Ref[*Metrics], error) {
	return runtime.Spawn(n, ID, &Metrics{options: o})
}

// Initialize implements [runtime.Initializer].
func (m *Metrics) Initialize() {
	if limit := m.options.Snapshots; limit.Times > 0 {
		m.limiter = runtime.NewLimiter(m, float64(limit.Times), limit.Per)
	}
	web.RouteIn(m, m.options.Realm, "/snapshot", snapshotHelp, m.snapshot)
	web.RouteIn(m, m.options.Realm, "/", prometheusHelp, m.scrape)
}

// Exporter is an actor that has values to show.
type Exporter interface {
	runtime.Behavior
	Node() *runtime.Node
}

// Export has measure called on turns of b whenever somebody looks at the node's metrics. b may export in several parts.
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

// ExportOf is Export for values of a node that belong to no actor. measure is called on any turn, and does not wait.
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

// Of returns all values of a node, by key; those of actors that take longer than timeout to answer are left out. A
// timeout of 0 waits for all. A node without metrics has none.
func Of(n *runtime.Node, timeout time.Duration) runtime.Future[[]Value] {
	m, ok := runtime.Find[*Metrics](n, ID)
	if !ok {
		return runtime.Ready[[]Value](nil)
	}
	return runtime.Ask(m, (*Metrics).Gather, timeout)
}

// Gather is [Of] for those with a handle of the actor. Discarding the future discards what it waits for.
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

// merge puts the samples of sources together, and forgets those whose actors have terminated; other actors may have their
// names by now. If two sources write the same key, the first counts.
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

// ParseRate reads "2/1secs". Nothing at all is no bound.
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
		return Rate{}, fmt.Errorf("rate %q: %q is no number of requests", text, times)
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
