// Package book is what the leading master knows of its cluster: agents, frameworks, and the tasks, executors and offers
// that tie them together, indexed in every way the master asks for them.
//
// It is pure: it sends nothing, waits for nothing and knows no clock. Its methods keep the indexes in step with each
// other, and panic where a caller breaks an invariant, since a master that cannot trust its book must not go on;
// [Book.Check] compares everything with everything else, for tests. Listings come in the order of ids, so that what
// the master does follows from what it was told.
//
// Amounts of resources are compact values here; the messages they came in are kept beside them and never changed, so
// that they can be sent again without a copy.
package book

import (
	"fmt"
	"slices"
	"strings"

	"meseta/master/maintenance"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Limits bound what the book remembers of the past; 0 is nothing of it.
type Limits struct {
	CompletedFrameworks int // --max_completed_frameworks
	CompletedTasks      int // of each framework: --max_completed_tasks_per_framework
	UnreachableTasks    int // of each framework: --max_unreachable_tasks_per_framework
	RemovedAgents       int // Mesos: MAX_REMOVED_SLAVES
}

// DefaultLimits are Mesos's.
var DefaultLimits = Limits{CompletedFrameworks: 50, CompletedTasks: 1000, UnreachableTasks: 1000, RemovedAgents: 100_000}

// Book is the master's state. The zero value is not usable; see [New].
type Book struct {
	limits     Limits
	agents     map[ids.Agent]*Agent // registered, connected or not
	inOrder    []*Agent             // the same by id; nil: to be listed again
	duplicates int                  // on all agents
	revisions  Revisions
	agentAt    map[runtime.PID]*Agent
	machines   map[maintenance.Machine][]*Agent
	frameworks map[ids.Framework]*Framework
	schedulers map[runtime.PID]*Framework
	offers     map[ids.Offer]*Offer
	roles      map[string]map[ids.Framework]*Framework // by the roles they subscribe to
	completed  *boundedMap[ids.Framework, *Framework]
	absent
}

// New returns an empty book.
func New(limits Limits) *Book {
	return &Book{
		limits:     limits,
		agents:     map[ids.Agent]*Agent{},
		agentAt:    map[runtime.PID]*Agent{},
		machines:   map[maintenance.Machine][]*Agent{},
		frameworks: map[ids.Framework]*Framework{},
		schedulers: map[runtime.PID]*Framework{},
		offers:     map[ids.Offer]*Offer{},
		roles:      map[string]map[ids.Framework]*Framework{},
		completed:  newBoundedMap[ids.Framework, *Framework](limits.CompletedFrameworks),
		absent:     newAbsent(limits),
	}
}

// ---- agents ----

// AddAgent enters a registered agent, without tasks and executors: they are added one by one. If another agent is at
// its address, that one is not found there any more.
func (b *Book) AddAgent(a *Agent) {
	assert(b.agents[a.ID] == nil, "agent %s is registered already", a.ID)
	b.agents[a.ID], b.agentAt[a.PID] = a, a
	b.enlist(a)
	b.indexMachine(a)
	a.Deactivation = b.deactivations[a.ID]
	b.revisions.Agents++
}

// Revisions tell whether lists are still the same: each grows when somebody comes or goes.
type Revisions struct{ Agents, Frameworks, Recovered uint64 }

// Revisions returns those of the lists of registered agents, of frameworks, and of agents yet to re-register.
func (b *Book) Revisions() Revisions { return b.revisions }

// MoveAgent notes that a, and nobody else, is to be found at pid from now on.
func (b *Book) MoveAgent(a *Agent, pid runtime.PID) {
	if b.agentAt[a.PID] == a {
		delete(b.agentAt, a.PID)
	}
	b.unindexMachine(a)
	a.PID = pid
	b.agentAt[pid] = a
	b.indexMachine(a)
}

// RemoveAgent takes a out, whose tasks, executors and offers must be gone, and remembers that it was.
func (b *Book) RemoveAgent(a *Agent) {
	assert(len(a.tasks)+len(a.executors)+len(a.offers) == 0, "agent %s is removed with tasks, executors or offers", a.ID)
	delete(b.agents, a.ID)
	b.unindexMachine(a)
	b.inOrder = nil
	b.duplicates -= len(a.duplicates)
	b.revisions.Agents++
	if b.agentAt[a.PID] == a {
		delete(b.agentAt, a.PID)
	}
	b.removed.put(a.ID, struct{}{})
}

// Agent returns the registered agent of that id, or nil.
func (b *Book) Agent(id ids.Agent) *Agent { return b.agents[id] }

// AgentAt returns the registered agent at pid, or nil.
func (b *Book) AgentAt(pid runtime.PID) *Agent { return b.agentAt[pid] }

// Agents lists the registered agents. The list must not be changed; it stays as it is when agents come and go.
func (b *Book) Agents() []*Agent {
	if b.inOrder == nil {
		b.inOrder = listed(b.agents)
	}
	return b.inOrder
}

// enlist keeps the list of agents in order if a is the last, as new agents are.
func (b *Book) enlist(a *Agent) {
	if n := len(b.inOrder); n > 0 && compareIDs(b.inOrder[n-1].ID, a.ID) < 0 {
		b.inOrder = append(b.inOrder, a)
		return
	}
	b.inOrder = nil
}

// ---- frameworks ----

// AddFramework enters a framework, without tasks and executors.
func (b *Book) AddFramework(f *Framework) {
	assert(b.frameworks[f.ID] == nil, "framework %s is registered already", f.ID)
	f.completed = newBoundedMap[ids.Task, *Task](b.limits.CompletedTasks)
	f.unreachable = newBoundedMap[ids.Task, *Task](b.limits.UnreachableTasks)
	b.frameworks[f.ID] = f
	b.revisions.Frameworks++
	b.indexScheduler(f)
	b.indexRoles(f)
}

// Connect notes that the scheduler of f is reached by c, and no other way, from now on.
func (b *Book) Connect(f *Framework, c Connection) {
	b.unindexScheduler(f)
	f.Connection = c
	b.indexScheduler(f)
}

// UpdateFramework replaces the description of f.
func (b *Book) UpdateFramework(f *Framework, info *mesospb.FrameworkInfo) {
	b.unindexRoles(f)
	f.describe(info)
	b.indexRoles(f)
}

// RemoveFramework moves f, whose tasks, executors and offers must be gone, to the completed ones.
func (b *Book) RemoveFramework(f *Framework) {
	assert(len(f.tasks)+len(f.executors)+len(f.offers) == 0, "framework %s is removed with tasks, executors or offers", f.ID)
	b.unindexScheduler(f)
	b.unindexRoles(f)
	delete(b.frameworks, f.ID)
	b.revisions.Frameworks++
	b.completed.put(f.ID, f)
}

func (b *Book) indexScheduler(f *Framework) {
	if !f.PID.IsZero() {
		assert(b.schedulers[f.PID] == nil, "there is a framework at %s already", f.PID)
		b.schedulers[f.PID] = f
	}
}

func (b *Book) unindexScheduler(f *Framework) {
	if b.schedulers[f.PID] == f {
		delete(b.schedulers, f.PID)
	}
}

func (b *Book) indexRoles(f *Framework) {
	for _, role := range f.Roles {
		if b.roles[role] == nil {
			b.roles[role] = map[ids.Framework]*Framework{}
		}
		b.roles[role][f.ID] = f
	}
}

func (b *Book) unindexRoles(f *Framework) {
	for _, role := range f.Roles {
		delete(b.roles[role], f.ID)
		if len(b.roles[role]) == 0 {
			delete(b.roles, role)
		}
	}
}

// Framework returns the registered framework of that id, or nil.
func (b *Book) Framework(id ids.Framework) *Framework { return b.frameworks[id] }

// FrameworkAt returns the framework whose scheduler is, or was last, at pid, or nil.
func (b *Book) FrameworkAt(pid runtime.PID) *Framework { return b.schedulers[pid] }

// Frameworks lists the registered frameworks.
func (b *Book) Frameworks() []*Framework { return listed(b.frameworks) }

// CompletedFrameworks lists the frameworks that were removed, the last ones of them, oldest first.
func (b *Book) CompletedFrameworks() []*Framework { return b.completed.values() }

// IsCompleted reports whether id is one of the completed frameworks that are remembered.
func (b *Book) IsCompleted(id ids.Framework) bool { return b.completed.has(id) }

// FrameworksIn lists the frameworks that subscribe to role.
func (b *Book) FrameworksIn(role string) []*Framework { return listed(b.roles[role]) }

// ---- offers ----

// AddOffer enters an offer that was just made to a registered framework.
func (b *Book) AddOffer(o *Offer) {
	f, a := b.frameworks[o.Framework], b.agents[o.Agent]
	assert(f != nil && a != nil, "offer %s is of an unknown framework or agent", o.ID)
	b.offers[o.ID], f.offers[o.ID], a.offers[o.ID] = o, o, o
	touchOffer(f, a, o)
}

// RemoveOffer takes o out.
func (b *Book) RemoveOffer(o *Offer) {
	assert(b.offers[o.ID] == o, "offer %s is not outstanding", o.ID)
	f, a := b.frameworks[o.Framework], b.agents[o.Agent]
	delete(b.offers, o.ID)
	delete(f.offers, o.ID)
	delete(a.offers, o.ID)
	touchOffer(f, a, o)
}

// Offer returns the outstanding offer of that id, or nil.
func (b *Book) Offer(id ids.Offer) *Offer { return b.offers[id] }

// NumOffers is how many offers are outstanding.
func (b *Book) NumOffers() int { return len(b.offers) }

// ---- tasks and executors ----

// AddTask enters a task of a registered framework on a registered agent.
func (b *Book) AddTask(t *Task) {
	f, a := b.frameworks[t.Framework], b.agents[t.Agent]
	assert(f != nil && a != nil, "task %s is of an unknown framework or agent", t.ID)
	assert(f.tasks[t.ID] == nil, "task %s of framework %s is known already", t.ID, t.Framework)
	f.tasks[t.ID] = t
	a.tasks[TaskKey{t.Framework, t.ID}] = t
	t.framework, t.agent = f, a
	t.touch()
}

// RemoveTask moves t to what is remembered of its framework: to the unreachable tasks, or to the completed ones.
func (b *Book) RemoveTask(t *Task, unreachable bool) {
	f, a := b.frameworks[t.Framework], b.agents[t.Agent]
	key := TaskKey{t.Framework, t.ID}
	assert(f.tasks[t.ID] == t && a.tasks[key] == t, "task %s of framework %s is not known", t.ID, t.Framework)
	delete(f.tasks, t.ID)
	delete(a.tasks, key)
	t.touch()
	t.agent, f.touched.Past = nil, true
	if unreachable {
		f.unreachable.put(t.ID, t)
		b.unreachableTasks[t.Agent] = append(b.unreachableTasks[t.Agent], key)
		return
	}
	f.completed.put(t.ID, t)
}

// AddExecutor enters an executor of a registered framework on a registered agent.
func (b *Book) AddExecutor(e *Executor) {
	f, a := b.frameworks[e.Framework], b.agents[e.Agent]
	assert(f != nil && a != nil, "executor %s is of an unknown framework or agent", e.ID)
	assert(f.executors[e.Agent][e.ID] == nil, "executor %s of framework %s is known already", e.ID, e.Framework)
	if f.executors[e.Agent] == nil {
		f.executors[e.Agent] = map[ids.Executor]*Executor{}
	}
	f.executors[e.Agent][e.ID] = e
	a.executors[ExecutorKey{e.Framework, e.ID}] = e
	touchExecutor(f, a, e)
}

// RemoveExecutor takes e out.
func (b *Book) RemoveExecutor(e *Executor) {
	f, a := b.frameworks[e.Framework], b.agents[e.Agent]
	delete(f.executors[e.Agent], e.ID)
	if len(f.executors[e.Agent]) == 0 {
		delete(f.executors, e.Agent)
	}
	delete(a.executors, ExecutorKey{e.Framework, e.ID})
	touchExecutor(f, a, e)
}

func assert(ok bool, format string, args ...any) {
	if !ok {
		panic("book: " + fmt.Sprintf(format, args...))
	}
}

// listed returns the values in the order of their keys: …-S2 before …-S10.
func listed[K ~string, V any](m map[K]V) []V {
	type entry struct {
		key   K
		value V
	}
	entries := make([]entry, 0, len(m))
	for k, v := range m {
		entries = append(entries, entry{k, v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return compareIDs(a.key, b.key) })
	values := make([]V, len(entries))
	for i := range entries {
		values[i] = entries[i].value
	}
	return values
}

func compareIDs[K ~string](a, b K) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(string(a), string(b))
}
