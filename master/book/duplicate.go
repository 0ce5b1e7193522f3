package book

// A duplicate is a task that an agent reports although its framework has one of that id on another agent, which two masters
// of a divided cluster can have brought about. Its resources are in use until it is over; otherwise it is nobody's.

// AddDuplicate enters a task of a registered framework as a duplicate on a registered agent.
func (b *Book) AddDuplicate(t *Task) {
	f, a := b.frameworks[t.Framework], b.agents[t.Agent]
	key := TaskKey{t.Framework, t.ID}
	assert(f != nil && a != nil, "duplicate %s is of an unknown framework or agent", t.ID)
	assert(a.tasks[key] == nil && a.duplicates[key] == nil, "task %s of framework %s is on agent %s already", t.ID, t.Framework, t.Agent)
	if a.duplicates == nil {
		a.duplicates = map[TaskKey]*Task{}
	}
	a.duplicates[key] = t
	a.revision++
	b.duplicates++
}

// RemoveDuplicate takes t out.
func (b *Book) RemoveDuplicate(t *Task) {
	a := b.agents[t.Agent]
	delete(a.duplicates, TaskKey{t.Framework, t.ID})
	a.revision++
	b.duplicates--
}

// DuplicatesOf lists the duplicates of a framework, by agent.
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

// Duplicates lists the duplicates on a by framework and id.
func (a *Agent) Duplicates() []*Task {
	if len(a.duplicates) == 0 {
		return nil
	}
	return sorted(a.duplicates, func(t *Task) (string, string) { return string(t.Framework), string(t.ID) })
}
