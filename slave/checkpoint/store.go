package checkpoint

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"meseta/runtime"
)

// Store is an actor that writes records. What is given to it while it writes is written together afterwards, so that
// directories are synced once for many records.
type Store struct {
	runtime.Actor
	disk    Disk
	waiting []request
	busy    bool
}

// request is what somebody wants to have written.
type request struct {
	records Records
	done    runtime.Promise[struct{}]
}

// NewStore returns a store to be spawned.
func NewStore(d Disk) *Store { return &Store{disk: d} }

// Write writes records after all that were given to the store before. The future completes when they are on the medium,
// and fails if one of them could not be written; those of others are written nevertheless.
func (s *Store) Write(r Records) runtime.Future[struct{}] {
	q := request{records: r, done: runtime.Owe[struct{}](s)}
	s.waiting = append(s.waiting, q)
	s.next()
	return q.done.Future()
}

// next writes what waits, if nothing is being written.
func (s *Store) next() {
	if s.busy || len(s.waiting) == 0 {
		return
	}
	all := s.waiting
	s.waiting, s.busy = nil, true
	written := runtime.Go(s, func(context.Context) ([]error, error) { return writeAll(s.disk, all), nil })
	runtime.Await(s, written, func(errs []error, err error) {
		for i, q := range all {
			if err == nil && errs[i] == nil {
				q.done.Set(struct{}{})
				continue
			}
			q.done.Fail(firstOf(err, errs, i))
		}
		s.busy = false
		s.next()
	})
}

func firstOf(err error, errs []error, i int) error {
	if err != nil {
		return err
	}
	return errs[i]
}

// Finalize writes what is left.
func (s *Store) Finalize() {
	for i, err := range writeAll(s.disk, s.waiting) {
		if err != nil {
			s.Log().Warn().Err(err).Msg("checkpoint not written")
			s.waiting[i].done.Fail(err)
			continue
		}
		s.waiting[i].done.Set(struct{}{})
	}
}

// writeAll writes the records of each request, and then syncs each directory that lists one of them and those above it
// that may be new. A directory that cannot be synced fails all. It returns an error for each request. It blocks.
func writeAll(d Disk, all []request) []error {
	errs := make([]error, len(all))
	var changed []string
	for i, q := range all {
		directories, err := q.records.write(d)
		errs[i] = err
		changed = append(changed, directories...)
	}
	for _, directory := range withParents(changed) {
		if err := d.Sync(directory); err != nil {
			for i := range errs {
				if errs[i] == nil {
					errs[i] = fmt.Errorf("checkpoint %s: %w", directory, err)
				}
			}
			return errs
		}
	}
	return errs
}

// withParents returns directories and those that list them, up to the one of checkpoints, each once.
func withParents(directories []string) []string {
	var all []string
	for _, d := range directories {
		for ; !slices.Contains(all, d); d = filepath.Dir(d) {
			all = append(all, d)
			if filepath.Base(d) == metaName || filepath.Dir(d) == d {
				break
			}
		}
	}
	return all
}
