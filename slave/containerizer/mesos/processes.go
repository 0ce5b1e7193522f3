package mesos

import (
	"maps"
	"slices"
	"sync"

	"meseta/messages/ids"
)

// processes holds the running processes, so that none is left when the containerizer terminates while one is being
// started.
type processes struct {
	mu   sync.Mutex
	over bool
	all  map[ids.Container]*process
}

// add adds a process. It returns false if no more processes are allowed.
func (s *processes) add(p *process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.all[p.container.ID] = p
	return true
}

func (s *processes) remove(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[p.container.ID] == p {
		delete(s.all, p.container.ID)
	}
}

// end allows no more processes, and returns the running ones.
func (s *processes) end() []*process {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	var all []*process
	for _, id := range slices.Sorted(maps.Keys(s.all)) {
		all = append(all, s.all[id])
	}
	return all
}
