// Package ratelimit bounds how fast a master handles the messages of frameworks, so that some do not cost others their
// share of its turns. Calls over HTTP are not bounded, as in Mesos.
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
)

// Limits are the bounds of all principals, with what was heard of each. They belong to an actor and may be used only on
// its turns.
type Limits struct {
	actor   runtime.Behavior
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

// Check says what is wrong with limits.
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

// finite reports whether qps is a rate that a limiter can keep.
func finite(qps float64) bool { return qps > 0 && !math.IsInf(qps, 1) }

// New returns the limits of --rate_limits; nil are none.
func New(actor runtime.Behavior, limits *mesospb.RateLimits) *Limits {
	l := &Limits{actor: actor, bounds: map[string]*bound{}, traffic: map[string]*traffic{}}
	of := func(qps *float64, capacity *uint64) *bound {
		if qps == nil {
			return nil
		}
		return &bound{limiter: runtime.NewLimiter(actor, *qps, time.Second), capacity: capacity}
	}
	for _, limit := range limits.GetLimits() {
		l.bounds[limit.GetPrincipal()] = of(limit.Qps, limit.Capacity)
	}
	if limits != nil {
		l.others = of(limits.AggregateDefaultQps, limits.AggregateDefaultCapacity)
	}
	return l
}

// bound returns what bounds the messages of f, or nil.
func (l *Limits) bound(f *book.Framework) *bound {
	if b, ok := l.bounds[f.Info.GetPrincipal()]; ok && f.Info.Principal != nil {
		return b
	}
	return l.others
}

// of returns the traffic that a message of f is part of, or nil if f has no principal.
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

// Handle handles a message of f when its turn comes. It fails if too many wait, which a driver takes for the end.
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

// InOrder runs what ends the connection of f when all that came before it was handled.
func (l *Limits) InOrder(f *book.Framework, end func()) {
	b := l.bound(f)
	if b == nil {
		end()
		return
	}
	runtime.Await(l.actor, b.limiter.Acquire(), func(struct{}, error) { end() })
}

// Forget forgets the traffic of a principal that has no framework any more.
func (l *Limits) Forget(principal string, left []*book.Framework) {
	if !slices.ContainsFunc(left, func(f *book.Framework) bool { return f.Info.Principal != nil && f.Info.GetPrincipal() == principal }) {
		delete(l.traffic, principal)
	}
}

// Measure shows the traffic of all principals that have frameworks.
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
