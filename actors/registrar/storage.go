package registrar

import (
	"context"
	"errors"
	"maps"
	"sync"

	"meseta/runtime"
)

// ErrLost is returned by [Storage.Commit], possibly wrapped, when another master has begun a later term. This master
// no longer leads, and the commit wrote nothing.
var ErrLost = errors.New("registrar: another master has taken over the registry")

// Term numbers the periods during which one master leads. Later terms have larger numbers.
type Term uint64

// Storage keeps the registry as records: small values under keys. A [Registrar] uses it from one goroutine at a time,
// but other masters may use storages over the same records. Package registrartest has the tests that every
// implementation must pass.
type Storage interface {
	// Lead begins a term and returns all committed records. It fails if records are damaged or lost. From then on
	// commits of earlier terms fail, so that a master that was replaced without noticing cannot overwrite its
	// successor's changes. The caller owns the map, but must not change the values.
	//
	// Mesos: log::Writer::start.
	Lead(ctx context.Context) (Term, map[string][]byte, error)
	// Commit applies all changes or none, and returns once they would survive a power failure. It fails with [ErrLost]
	// unless term is the latest one.
	Commit(ctx context.Context, term Term, changes []Change) error
	// Close releases the storage's resources. The storage must not be used afterwards.
	Close() error
}

// Replica is a [Storage] whose records a group of masters shares, so that nothing of it is done at once. Futures fail where
// the methods of Storage return errors.
type Replica interface {
	// Lead is [Storage.Lead].
	Lead() runtime.Future[Led]
	// Commit is [Storage.Commit].
	Commit(term Term, changes []Change) runtime.Future[struct{}]
}

// Led is the term that began, and the records that were committed in earlier ones. They are the caller's, but the values
// must not be changed.
type Led struct {
	Term    Term
	Records map[string][]byte
}

// blocking is a Storage as a Replica: the registrar waits for it off its turns.
type blocking struct {
	storage Storage
	of      *Registrar
}

func (b blocking) Lead() runtime.Future[Led] {
	return runtime.Go(b.of, func(ctx context.Context) (l Led, err error) {
		l.Term, l.Records, err = b.storage.Lead(ctx)
		return l, err
	})
}

func (b blocking) Commit(term Term, changes []Change) runtime.Future[struct{}] {
	return runtime.Go(b.of, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, b.storage.Commit(ctx, term, changes)
	})
}

// Change sets the record Key to Value, or deletes it if Value is nil.
type Change struct {
	Key   string
	Value []byte
}

// Memory is a [Storage] that keeps the records in memory. A master that is restarted over the same Memory recovers
// what the previous one wrote. It is safe for concurrent use. The zero value is empty and ready to use.
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

// Close implements [Storage]. The records remain.
func (m *Memory) Close() error { return nil }

// Commits returns the number of successful calls of Commit.
func (m *Memory) Commits() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

// Break makes all later calls fail with err, until Break(nil) is called.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}
