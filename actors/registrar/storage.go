package registrar

import (
	"context"
	"errors"
	"maps"
	"sync"
)

// ErrLost is returned by [Storage.Commit], wrapped or not, when another master has begun a later term: this one no longer
// leads, and has written nothing.
var ErrLost = errors.New("registrar: another master has taken over the registry")

// Term numbers the times that somebody has led with a storage. Later terms have larger numbers.
type Term uint64

// Storage keeps the registry as records: small values under keys. A [Registrar] uses it from one goroutine at a time,
// but other masters may use storages over the same records. Package registrartest holds what every implementation has to
// fulfil.
type Storage interface {
	// Lead begins a term and returns all records, which are what was committed: records that were damaged or lost are an
	// error. From then on commits of earlier terms fail, so that a master that was replaced without noticing cannot write
	// behind its successor's back. The caller may keep and change the map, but not the values.
	//
	// Mesos: log::Writer::start.
	Lead(ctx context.Context) (Term, map[string][]byte, error)
	// Commit carries out all changes or none, and returns when they would survive a loss of power. It fails with
	// [ErrLost] unless term is the latest one.
	Commit(ctx context.Context, term Term, changes []Change) error
	// Close releases what the storage holds. It must not be used afterwards.
	Close() error
}

// Change sets the record Key to Value, or deletes it if Value is nil.
type Change struct {
	Key   string
	Value []byte
}

// Memory is a [Storage] that lives as long as it is referred to: a master that is started again over the same Memory
// recovers what the last one wrote. It may be used by several goroutines. The zero value is empty.
type Memory struct {
	mu      sync.Mutex
	term    Term
	records map[string][]byte
	commits int
	broken  error
}

// Lead implements [Storage].
func (m *Memory) Lead(context.Context) (Term, map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return 0, nil, m.broken
	}
	m.term++
	loaded := maps.Clone(m.records)
	if loaded == nil {
		loaded = map[string][]byte{}
	}
	return m.term, loaded, nil
}

// Commit implements [Storage].
func (m *Memory) Commit(_ context.Context, term Term, changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broken != nil:
		return m.broken
	case term != m.term:
		return ErrLost
	case m.records == nil:
		m.records = map[string][]byte{}
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(m.records, c.Key)
		} else {
			m.records[c.Key] = c.Value
		}
	}
	m.commits++
	return nil
}

// Close implements [Storage]; the records stay.
func (m *Memory) Close() error { return nil }

// Commits is how often Commit succeeded.
func (m *Memory) Commits() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

// Break makes everything fail with err from now on; nil repairs.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}
