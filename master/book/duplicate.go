package book

// A duplicate is a task that an agent reports although the framework has a task with the same ID on another agent. Two
// masters of a partitioned cluster can cause this. The resources of a duplicate are used until it is terminal;
// otherwise it does not belong to its framework.

// AddDuplicate adds a task of a registered framework as a duplicate on a registered agent.
func (b *Book) AddDuplicate(t *Task) {
	f, a := b.frameworks[t.Framework], b.agents[t.Agent]
	key := TaskKey{t.Framework, t.ID}
	assert(f != nil && a != nil, "duplicate %s is of an unknown framework or agent", t.ID)
	assert(a.Task(key) == nil && a.duplicates[key] == nil, "task %s of framework %s is on agent %s already", t.ID, t.Framework, t.Agent)
	if a.duplicates == nil {
		a.duplicates = map[TaskKey]*Task{}
	}
	a.duplicates[key] = t
	a.revision++
	b.duplicates++
}

// RemoveDuplicate removes t.
func (b *Book) RemoveDuplicate(t *Task) {
	a := b.agents[t.Agent]
	delete(a.duplicates, TaskKey{t.Framework, t.ID})
	a.revision++
	b.duplicates--
}

// DuplicatesOf returns the duplicates of a framework, by agent.
func (b *Book) DuplicatesOf(f *Framework) []*Task {
	var of []*Task
	if b.duplicates == 0 {
		return nil
	}
	for _, a := range b.Agents() {
		for _, t := range a.Duplicates() {
			if t.Framework == f.ID {
				of = append(of, t)
			}
		}
	}
	return of
}

// Duplicate returns the duplicate on a, or nil.
func (a *Agent) Duplicate(key TaskKey) *Task { return a.duplicates[key] }

// Duplicates returns the duplicates on a by framework and ID.
func (a *Agent) Duplicates() []*Task {
	if len(a.duplicates) == 0 {
		return nil
	}
	return sorted(a.duplicates, func(t *Task) (string, string) { return string(t.Framework), string(t.ID) })
}
