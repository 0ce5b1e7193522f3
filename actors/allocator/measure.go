package allocator

import (
	"iter"
	"maps"
	"strings"

	"meseta/actors/metrics"
	"meseta/messages/resources"
)

// measure samples the allocator's metrics.
func (a *Allocator) measure(s *metrics.Sample) {
	queued := float64(a.Queued().Dispatches)
	s.Gauge("allocator/event_queue_dispatches", queued)
	s.Gauge("allocator/mesos/event_queue_dispatches", queued)
	s.Timer("allocator/mesos/allocation_run_ms", &a.timers.run)
	s.Timer("allocator/mesos/allocation_run_latency_ms", &a.timers.latency)

	m := a.Metrics()
	s.Counter("allocator/mesos/allocation_runs", m.Runs)
	for _, name := range []string{"cpus", "mem", "disk"} {
		amount := m.amount(name)
		s.Gauge("allocator/mesos/resources/"+name+"/total", amount.Total.Float())
		s.Gauge("allocator/mesos/resources/"+name+"/offered_or_allocated", amount.OfferedOrAllocated.Float())
	}
	var all resources.Quantities // of the root, which has no name
	for _, r := range m.Roles {
		r.measure(s)
		if !strings.Contains(r.Role, "/") {
			all = all.Plus(r.Consumed)
		}
	}
	consumed(s, "", all)
	if !a.config.HideFrameworks {
		a.book.measureFrameworks(s)
	}
}

// measureFrameworks samples whether each framework suppresses offers, by role.
func (b *book) measureFrameworks(s *metrics.Sample) {
	for _, f := range b.frameworks {
		for role := range f.subscribed {
			s.Flag(f.prefix+"roles/"+role+"/suppressed", f.suppressed[role])
		}
	}
}

// amount returns the entry of the named resource, or zero amounts if no agent has any.
func (m *Metrics) amount(name string) NamedAmount {
	for _, a := range m.Total {
		if a.Name == name {
			return a
		}
	}
	return NamedAmount{Name: name}
}

func (r *RoleMetrics) measure(s *metrics.Sample) {
	if r.Contends {
		s.Gauge("allocator/mesos/offer_filters/roles/"+r.Role+"/active", float64(r.OfferFilters))
		s.Gauge("allocator/mesos/roles/"+r.Role+"/shares/dominant", r.DominantShare)
	}
	consumed(s, r.Role, r.Consumed)
	if r.Quota == nil {
		return
	}
	ofQuota(s, r.Role, "guarantee", r.Quota.Guarantees.All())
	ofQuota(s, r.Role, "limit", r.Quota.Limits.All())
	ofQuota(s, r.Role, "offered_or_allocated", maps.All(r.OfferedOrAllocated))
}

func consumed(s *metrics.Sample, role string, q resources.Quantities) {
	ofQuota(s, role, "consumed", q.All())
}

// ofQuota samples amounts that have to do with the quota of a role.
func ofQuota(s *metrics.Sample, role, what string, amounts iter.Seq2[string, resources.Quantity]) {
	for name, amount := range amounts {
		s.Gauge("allocator/mesos/quota/roles/"+role+"/resources/"+name+"/"+what, amount.Float())
	}
}
