package allocator

import (
	"maps"
	"slices"

	"meseta/messages/resources"
)

// Metrics are the numbers behind the allocator's metrics, as of one moment.
type Metrics struct {
	Runs  uint64        // allocator/mesos/allocation_runs
	Total []NamedAmount // allocator/mesos/resources/<name>/{total,offered_or_allocated}, by name
	Roles []RoleMetrics // by role
}

// NamedAmount is how much of a scalar resource there is, and how much of it is offered or allocated.
type NamedAmount struct {
	Name                      string
	Total, OfferedOrAllocated resources.Quantity
}

// RoleMetrics are those of a role.
type RoleMetrics struct {
	Role string
	// OfferFilters is allocator/mesos/offer_filters/roles/<role>/active.
	OfferFilters int
	// Contends says whether frameworks are in the role itself; DominantShare, which is
	// allocator/mesos/roles/<role>/shares/dominant, is only then of meaning.
	Contends      bool
	DominantShare float64
	// Consumed is allocator/mesos/quota/roles/<role>/resources/<name>/consumed: what the role and those below use
	// unreserved, and what is reserved to them.
	Consumed resources.Quantities
}

// Metrics returns the numbers of now.
func (a *Allocator) Metrics() Metrics {
	a.book.expire(a.Now())
	m := a.book.metrics()
	m.Runs = a.runs
	return m
}

func (b *book) metrics() Metrics {
	var m Metrics
	for _, name := range slices.Sorted(maps.Keys(b.pool.index)) {
		m.Total = append(m.Total, NamedAmount{name, b.pool.total(name), b.held.of(b.pool, name)})
	}
	for _, name := range slices.Sorted(maps.Keys(b.roles.known)) {
		m.Roles = append(m.Roles, b.roles.known[name].metrics())
	}
	return m
}

func (r *role) metrics() RoleMetrics {
	m := RoleMetrics{Role: r.name, Contends: len(r.clients) > 0}
	for _, c := range r.clients {
		for _, refused := range c.refused {
			m.OfferFilters += len(refused)
		}
	}
	own := &r.self
	if len(r.contenders.entries) == 1 {
		own = &r.subtree // nothing contends below; the role's weight counts
	}
	p := r.contenders.pool
	m.DominantShare = p.dominantShare(&own.used) / own.weight
	consumed := map[string]resources.Quantity{}
	for name := range p.index {
		consumed[name] = r.consumed.of(p, name).Plus(r.reserved.of(p, name))
	}
	m.Consumed = resources.QuantitiesOf(consumed)
	return m
}
