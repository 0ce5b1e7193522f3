package registrar

import (
	"time"

	"meseta/actors/metrics"
)

// stats holds a registrar's measurements. The zero value is ready to use.
type stats struct {
	fetch, store metrics.Timer
	sizes        map[string]int // bytes of each record in the storage, by key
	size         int            // bytes of all records
}

// fetched records that the whole registry was read.
func (s *stats) fetched(now, begun time.Time, records map[string][]byte) {
	s.fetch.Observe(now, now.Sub(begun))
	for key, value := range records {
		s.resize(key, len(value))
	}
}

// stored records that changes were written.
func (s *stats) stored(now, begun time.Time, changes []Change) {
	if len(changes) == 0 {
		return
	}
	s.store.Window = 24 * time.Hour
	s.store.Observe(now, now.Sub(begun))
	for _, c := range changes {
		s.resize(c.Key, len(c.Value))
	}
}

func (s *stats) resize(key string, size int) {
	if s.sizes == nil {
		s.sizes = map[string]int{}
	}
	s.size += size - s.sizes[key]
	if size == 0 {
		delete(s.sizes, key)
		return
	}
	s.sizes[key] = size
}

// Replicated is a [Storage] or [Replica] that keeps copies of its records. A single copy counts as one replica.
type Replicated interface {
	// Replicas returns the number of copies that are known. It may be called on any goroutine.
	Replicas() int
}

// measure exports the registrar's metrics. Those of Mesos's replicated log are exported only for a [Replicated]
// storage, which outlives the process.
func (r *Registrar) measure(s *metrics.Sample) {
	if storage, ok := r.storage.(Replicated); ok {
		s.Flag("registrar/log/recovered", r.registry != nil)
		s.Gauge("registrar/log/ensemble_size", float64(storage.Replicas()))
	}
	s.Gauge("registrar/queued_operations", float64(len(r.queue)))
	s.Gauge("registrar/registry_size_bytes", float64(r.stats.size))
	s.Timer("registrar/state_fetch_ms", &r.stats.fetch)
	s.Timer("registrar/state_store_ms", &r.stats.store)
}
