package gc

import (
	"cmp"
	"context"
	"slices"
	"time"

	"meseta/runtime"
)

// entry is a path that is scheduled for deletion.
type entry struct {
	path     string
	at       time.Time
	remove   func(context.Context) error
	removing bool
	done     runtime.Promise[struct{}]
}

// schedule holds entries by path and by time. Invariant: order holds exactly the entries of byPath, earliest first.
type schedule struct {
	byPath map[string]*entry
	order  []*entry
}

func newSchedule() schedule { return schedule{byPath: map[string]*entry{}} }

func (s *schedule) get(path string) *entry { return s.byPath[path] }

func (s *schedule) add(e *entry) {
	s.byPath[e.path] = e
	i, _ := slices.BinarySearchFunc(s.order, e, (*entry).compare)
	s.order = slices.Insert(s.order, i, e)
}

func (s *schedule) drop(e *entry) {
	delete(s.byPath, e.path)
	if i, found := slices.BinarySearchFunc(s.order, e, (*entry).compare); found {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

// next returns the earliest entry that is not being deleted, or nil.
func (s *schedule) next() *entry {
	if i := slices.IndexFunc(s.order, func(e *entry) bool { return !e.removing }); i >= 0 {
		return s.order[i]
	}
	return nil
}

// until returns the entries that are due at t and not being deleted yet, earliest first.
func (s *schedule) until(t time.Time) []*entry {
	var due []*entry
	for _, e := range s.order {
		if e.at.After(t) {
			break
		}
		if !e.removing {
			due = append(due, e)
		}
	}
	return due
}

func (e *entry) compare(f *entry) int { return cmp.Or(e.at.Compare(f.at), cmp.Compare(e.path, f.path)) }

// len returns the number of entries.
func (s *schedule) len() int { return len(s.order) }
