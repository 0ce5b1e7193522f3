// Package metrics provides the actor "metrics", which serves /metrics/snapshot as libprocess does and /metrics for
// Prometheus, and the functions by which other actors export their values.
//
// An actor counts in plain fields of its own and registers one function that reports them:
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
// Counting therefore costs one addition; nothing is shared, locked or allocated until the metrics are read. Reading
// them costs one call per actor, on that actor's turn, so that its values are consistent. Values that the function
// does not write are not shown: the keys of roles and frameworks come and go with the role or framework. Actors that
// have terminated are forgotten.
//
// On a node without this actor Export does nothing.
//
// catalogue.tsv lists the keys, their meaning, and the parts of them that become Prometheus labels. A key that is not
// listed is shown nevertheless.
package metrics
