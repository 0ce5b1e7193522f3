package registrar

import (
	"context"
	"maps"
	"sync"
)

// Storage keeps the registry as records: small values under keys. A [Registrar] uses it from one goroutine at a time.
// Package registrartest holds what every implementation has to fulfil.
type Storage interface {
	// Load returns all records. The caller may keep and change the map, but not the values.
	Load(ctx context.Context) (map[string][]byte, error)
	// Commit carries out all changes or none, and returns when they would survive a loss of power.
	Commit(ctx context.Context, changes []Change) error
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
	records map[string][]byte
	commits int
	broken  error
}

// Load implements [Storage].
func (m *Memory) Load(context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	loaded := maps.Clone(m.records)
	if loaded == nil {
		loaded = map[string][]byte{}
	}
	return loaded, nil
}

// Commit implements [Storage].
func (m *Memory) Commit(_ context.Context, changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if m.records == nil {
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
