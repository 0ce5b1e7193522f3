// Package metrics is the actor "metrics", which answers /metrics/snapshot as libprocess does and /metrics for
// Prometheus, and the values that other actors show through it.
//
// An actor counts in fields of its own, as plainly as it likes, and says once how they are written down:
//
//	func (a *Allocator) Initialize() {
//		…
//		metrics.Export(a, a.measure)
//	}
//
//	func (a *Allocator) measure(s *metrics.Sample) {
//		s.Counter("allocator/mesos/allocation_runs", a.runs)
//		s.Gauge("allocator/mesos/event_queue_dispatches", float64(a.Queued().Dispatches))
//		s.Timer("allocator/mesos/allocation_run_ms", &a.cycleTimer)
//	}
//
// Counting therefore costs an addition; nothing is shared, locked or allocated until somebody looks. Looking costs one
// call per actor, on that actor's turn, so that its values belong together. What an actor does not write is not shown:
// keys of roles and frameworks come and go with the role or framework itself. An actor that has terminated is forgotten.
//
// On a node without this actor Export does nothing.
//
// The keys, what they mean, and which of their parts become Prometheus labels, are in catalogue.tsv. A key that is not
// there is shown all the same.
package metrics
