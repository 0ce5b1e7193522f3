package allocator

import (
	"maps"
	"slices"

	"meseta/messages/resources"
)

// Metrics holds the allocator's figures at one moment, behind the metrics named below.
type Metrics struct {
	Runs  uint64        // allocator/mesos/allocation_runs
	Total []NamedAmount // allocator/mesos/resources/<name>/{total,offered_or_allocated}, by name
	Roles []RoleMetrics // by role
}

// NamedAmount is the total amount of a scalar resource, and the amount of it that is offered or allocated.
type NamedAmount struct {
	Name                      string
	Total, OfferedOrAllocated resources.Quantity
}

// RoleMetrics holds the figures of one role.
type RoleMetrics struct {
	Role string
	// OfferFilters is allocator/mesos/offer_filters/roles/<role>/active.
	OfferFilters int
	// Contends reports whether frameworks are in the role itself. DominantShare, which is
	// allocator/mesos/roles/<role>/shares/dominant, is meaningful only then.
	Contends      bool
	DominantShare float64
	// Consumed is allocator/mesos/quota/roles/<role>/resources/<name>/consumed: the unreserved resources that the role
	// and the roles below it use, plus the resources reserved to them.
	Consumed resources.Quantities
	// Quota is the role's quota, or nil. OfferedOrAllocated holds the amounts of the names in it that the role and the roles below
	// it hold: allocator/mesos/quota/roles/<role>/resources/<name>/offered_or_allocated.
	Quota              *Quota
	OfferedOrAllocated map[string]resources.Quantity
}

// Metrics returns the current figures.
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
		own = &r.subtree // no roles contend below, so the role's own weight counts
	}
	p := r.contenders.pool
	m.DominantShare = p.dominantShare(&own.used) / own.weight
	consumed := map[string]resources.Quantity{}
	for name := range p.index {
		consumed[name] = r.consumed.of(p, name).Plus(r.reserved.of(p, name))
	}
	m.Consumed = resources.QuantitiesOf(consumed)
	if m.Quota = r.quota; r.quota != nil {
		m.OfferedOrAllocated = map[string]resources.Quantity{}
		for name := range r.quota.Guarantees.All() {
			m.OfferedOrAllocated[name] = r.subtree.used.of(p, name)
		}
		for name := range r.quota.Limits.All() {
			m.OfferedOrAllocated[name] = r.subtree.used.of(p, name)
		}
	}
	return m
}
