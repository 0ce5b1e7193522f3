package master

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/metrics"
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// throttle bounds how fast messages of frameworks are handled, so that some do not cost others their share of the
// master's turn. Calls over HTTP are not bounded, as in Mesos.
type throttle struct {
	bounds  map[string]*bound // by principal; nil is no bound
	others  *bound            // of all that are not in bounds, together; nil: no bound
	traffic map[string]*traffic
}

// bound is how fast the messages of a principal are handled, and how many may wait.
//
// Mesos: BoundedRateLimiter.
type bound struct {
	limiter  *runtime.Limiter
	capacity *uint64 // nil: any number
	waiting  uint64
}

// traffic counts the messages of frameworks of one principal.
type traffic struct{ received, processed uint64 }

// CheckRateLimits says what is wrong with limits.
func CheckRateLimits(limits *mesospb.RateLimits) error {
	seen := map[string]bool{}
	for _, l := range limits.GetLimits() {
		switch {
		case seen[l.GetPrincipal()]:
			return fmt.Errorf("Duplicate principal %s found in RateLimits configuration", l.GetPrincipal())
		case l.Qps != nil && !(l.GetQps() > 0):
			return fmt.Errorf("Invalid qps: %v. It must be a positive number", l.GetQps())
		}
		seen[l.GetPrincipal()] = true
	}
	if qps := limits.GetAggregateDefaultQps(); limits != nil && limits.AggregateDefaultQps != nil && !(qps > 0) {
		return fmt.Errorf("Invalid aggregate_default_qps: %v. It must be a positive number", qps)
	}
	return nil
}

// limitFrameworks reads --rate_limits.
func (m *Master) limitFrameworks() {
	m.throttle.bounds, m.throttle.traffic = map[string]*bound{}, map[string]*traffic{}
	limits := m.config.RateLimits
	of := func(qps *float64, capacity *uint64) *bound {
		if qps == nil {
			return nil
		}
		return &bound{limiter: runtime.NewLimiter(m, *qps, time.Second), capacity: capacity}
	}
	for _, l := range limits.GetLimits() {
		m.throttle.bounds[l.GetPrincipal()] = of(l.Qps, l.Capacity)
	}
	if limits != nil {
		m.throttle.others = of(limits.AggregateDefaultQps, limits.AggregateDefaultCapacity)
	}
}

// bound returns what bounds the messages of f, or nil.
func (t *throttle) bound(f *book.Framework) *bound {
	if b, ok := t.bounds[f.Info.GetPrincipal()]; ok && f.Info.Principal != nil {
		return b
	}
	return t.others
}

// of returns the traffic that a message of f is part of, or nil if f has no principal.
func (t *throttle) of(f *book.Framework) *traffic {
	if f.Info.Principal == nil {
		return nil
	}
	principal := f.Info.GetPrincipal()
	if t.traffic[principal] == nil {
		t.traffic[principal] = &traffic{}
	}
	return t.traffic[principal]
}

// hear handles a message of a scheduler when its turn comes. Of too many that wait, a driver hears as of the end.
//
// Mesos: Master::consume(MessageEvent&&).
func (m *Master) hear(f *book.Framework, from runtime.PID, msg proto.Message, handle func()) {
	counted := handle
	if t := m.throttle.of(f); t != nil {
		t.received++
		counted = func() {
			handle()
			t.processed++
		}
	}
	if m.recovered != isRecovered {
		m.counts.dropped++
		return
	}
	b := m.throttle.bound(f)
	switch {
	case b == nil:
		counted()
	case b.capacity != nil && b.waiting >= *b.capacity:
		name := msg.ProtoReflect().Descriptor().FullName()
		m.Log().Warn().Stringer("framework_id", f.ID).Str("message", string(name)).Msg("message dropped: too many wait")
		m.Send(from, &internalpb.FrameworkErrorMessage{
			Message: proto.String(fmt.Sprintf("Message %s dropped: capacity(%d) exceeded", name, *b.capacity)),
		})
	default:
		b.waiting++
		runtime.Await(m, b.limiter.Acquire(), func(struct{}, error) {
			b.waiting--
			counted()
		})
	}
}

// inOrder runs what ends the connection of f when all that came before it was handled.
func (m *Master) inOrder(f *book.Framework, end func()) {
	b := m.throttle.bound(f)
	if b == nil {
		end()
		return
	}
	runtime.Await(m, b.limiter.Acquire(), func(struct{}, error) { end() })
}

// forgetTraffic forgets the traffic of a principal that has no framework any more.
func (t *throttle) forgetTraffic(principal string, left []*book.Framework) {
	if !slices.ContainsFunc(left, func(f *book.Framework) bool { return f.Info.Principal != nil && f.Info.GetPrincipal() == principal }) {
		delete(t.traffic, principal)
	}
}

// measure shows the traffic of all principals that have frameworks.
func (t *throttle) measure(s *metrics.Sample, frameworks []*book.Framework) {
	shown := map[string]bool{}
	for _, f := range frameworks {
		principal := f.Info.GetPrincipal()
		if f.Info.Principal == nil || shown[principal] {
			continue
		}
		shown[principal] = true
		of := t.of(f)
		s.Counter("frameworks/"+principal+"/messages_received", of.received)
		s.Counter("frameworks/"+principal+"/messages_processed", of.processed)
	}
}
