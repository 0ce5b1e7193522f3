// Package ratelimit limits the rate at which a master handles the messages of frameworks, so that some frameworks do
// not slow down others. Calls over HTTP are not limited, as in Mesos.
package ratelimit

import (
	"fmt"
	"math"
	"slices"
	"time"

	"meseta/actors/metrics"
	"meseta/master/book"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/limiter"
)

// Limits holds the limits and counters of all principals. It belongs to an actor and may be used only on its turns.
type Limits struct {
	actor   limiter.Owner
	bounds  map[string]*bound // by principal; nil means no limit
	others  *bound            // for all principals that are not in bounds, together; nil means no limit
	traffic map[string]*traffic
}

// bound is the rate at which the messages of a principal are handled, and the number that may wait.
//
// Mesos: BoundedRateLimiter.
type bound struct {
	limiter  *limiter.Limiter
	capacity *uint64 // nil means any number
	waiting  uint64
}

// traffic counts the messages of a principal's frameworks.
type traffic struct{ received, processed uint64 }

// Check returns an error if limits are invalid.
func Check(limits *mesospb.RateLimits) error {
	seen := map[string]bool{}
	for _, l := range limits.GetLimits() {
		switch {
		case seen[l.GetPrincipal()]:
			return fmt.Errorf("Duplicate principal %s found in RateLimits configuration", l.GetPrincipal())
		case l.Qps != nil && !finite(l.GetQps()):
			return fmt.Errorf("Invalid qps: %v. It must be a positive number", l.GetQps())
		}
		seen[l.GetPrincipal()] = true
	}
	if qps := limits.GetAggregateDefaultQps(); limits != nil && limits.AggregateDefaultQps != nil && !finite(qps) {
		return fmt.Errorf("Invalid aggregate_default_qps: %v. It must be a positive number", qps)
	}
	return nil
}

// finite reports whether qps is a positive and finite rate.
func finite(qps float64) bool { return qps > 0 && !math.IsInf(qps, 1) }

// New returns the limits of --rate_limits. nil means none.
func New(actor limiter.Owner, limits *mesospb.RateLimits) *Limits {
	l := &Limits{actor: actor, bounds: map[string]*bound{}, traffic: map[string]*traffic{}}
	of := func(qps *float64, capacity *uint64) *bound {
		if qps == nil {
			return nil
		}
		return &bound{limiter: limiter.New(actor, *qps, time.Second), capacity: capacity}
	}
	for _, limit := range limits.GetLimits() {
		l.bounds[limit.GetPrincipal()] = of(limit.Qps, limit.Capacity)
	}
	if limits != nil {
		l.others = of(limits.AggregateDefaultQps, limits.AggregateDefaultCapacity)
	}
	return l
}

// bound returns the limit for the messages of f, or nil.
func (l *Limits) bound(f *book.Framework) *bound {
	if b, ok := l.bounds[f.Info.GetPrincipal()]; ok && f.Info.Principal != nil {
		return b
	}
	return l.others
}

// of returns the counters for the messages of f, or nil if f has no principal.
func (l *Limits) of(f *book.Framework) *traffic {
	if f.Info.Principal == nil {
		return nil
	}
	principal := f.Info.GetPrincipal()
	if l.traffic[principal] == nil {
		l.traffic[principal] = &traffic{}
	}
	return l.traffic[principal]
}

// Received counts a message of f.
func (l *Limits) Received(f *book.Framework) {
	if t := l.of(f); t != nil {
		t.received++
	}
}

// Handle calls handle, now or when the rate allows it. It fails if too many messages wait; the driver is then told and
// aborts.
//
// Mesos: Master::consume(MessageEvent&&).
func (l *Limits) Handle(f *book.Framework, handle func()) error {
	counted := handle
	if t := l.of(f); t != nil {
		counted = func() {
			handle()
			t.processed++
		}
	}
	b := l.bound(f)
	switch {
	case b == nil:
		counted()
	case b.capacity != nil && b.waiting >= *b.capacity:
		return fmt.Errorf("capacity(%d) exceeded", *b.capacity)
	default:
		b.waiting++
		runtime.Await(l.actor, b.limiter.Acquire(), func(struct{}, error) {
			b.waiting--
			counted()
		})
	}
	return nil
}

// InOrder calls end, which ends the connection of f, after all earlier messages of f were handled.
func (l *Limits) InOrder(f *book.Framework, end func()) {
	b := l.bound(f)
	if b == nil {
		end()
		return
	}
	runtime.Await(l.actor, b.limiter.Acquire(), func(struct{}, error) { end() })
}

// Forget removes the counters of a principal that has no framework any more.
func (l *Limits) Forget(principal string, left []*book.Framework) {
	if !slices.ContainsFunc(left, func(f *book.Framework) bool { return f.Info.Principal != nil && f.Info.GetPrincipal() == principal }) {
		delete(l.traffic, principal)
	}
}

// Measure adds the counters of all principals that have frameworks.
func (l *Limits) Measure(s *metrics.Sample, frameworks []*book.Framework) {
	shown := map[string]bool{}
	for _, f := range frameworks {
		principal := f.Info.GetPrincipal()
		if f.Info.Principal == nil || shown[principal] {
			continue
		}
		shown[principal] = true
		of := l.of(f)
		s.Counter("frameworks/"+principal+"/messages_received", of.received)
		s.Counter("frameworks/"+principal+"/messages_processed", of.processed)
	}
}
