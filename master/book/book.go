// Package book holds the state of the leading master: agents, frameworks, and the tasks, executors and offers that
// connect them, with an index for each way in which the master looks them up.
//
// The package is pure: it sends nothing, waits for nothing and reads no clock. Its methods keep the indexes consistent.
// They panic if a caller breaks an invariant, because a master with an inconsistent book must not go on. [Book.Check]
// checks all invariants, for tests. Lists are ordered by ID, so that what the master does depends only on its input.
//
// Resources are compact values here. The messages they came in are kept beside them and never changed, so that they can
// be sent again without a copy.
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

// Limits bounds how much of the past the book remembers. 0 means nothing.
type Limits struct {
	CompletedFrameworks int // the number of completed frameworks: --max_completed_frameworks
	CompletedTasks      int // completed tasks per framework: --max_completed_tasks_per_framework
	UnreachableTasks    int // unreachable tasks per framework: --max_unreachable_tasks_per_framework
	RemovedAgents       int // removed agents; Mesos: MAX_REMOVED_SLAVES
}

// DefaultLimits are the limits of Mesos.
var DefaultLimits = Limits{CompletedFrameworks: 50, CompletedTasks: 1000, UnreachableTasks: 1000, RemovedAgents: 100_000}

// Book is the master's state. The zero value is not usable; see [New].
type Book struct {
	limits     Limits
	agents     map[ids.Agent]*Agent // registered agents, connected or not
	inOrder    []*Agent             // agents by ID; nil if the list is outdated
	duplicates int                  // on all agents
	revisions  Revisions
	agentAt    map[runtime.PID]*Agent
	machines   map[maintenance.Machine][]*Agent
	frameworks map[ids.Framework]*Framework
	schedulers map[runtime.PID]*Framework
	offers     map[ids.Offer]*Offer
	roles      map[string]map[ids.Framework]*Framework // by the roles they subscribe to
	completed  *boundedMap[ids.Framework, *Framework]
	disowned   map[ids.Framework]operationSet // operations whose framework is unknown, or whom an operator asked for
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
		disowned:   map[ids.Framework]operationSet{},
		absent:     newAbsent(limits),
	}
}

// ---- agents ----

// AddAgent adds a registered agent, which must have no tasks and executors yet. It replaces the agent at the same
// address, if there is one, in the index of addresses.
func (b *Book) AddAgent(a *Agent) {
	assert(b.agents[a.ID] == nil, "agent %s is registered already", a.ID)
	b.agents[a.ID], b.agentAt[a.PID], a.frameworks = a, a, b.frameworks
	b.enlist(a)
	b.indexMachine(a)
	a.Deactivation = b.deactivations[a.ID]
	b.revisions.Agents++
}

// Revisions has a number for each list of the book. It grows whenever an element is added or removed.
type Revisions struct{ Agents, Frameworks, Recovered uint64 }

// Revisions returns the revisions of the lists of registered agents, frameworks, and agents yet to re-register.
func (b *Book) Revisions() Revisions { return b.revisions }

// MoveAgent records that a is at pid from now on.
func (b *Book) MoveAgent(a *Agent, pid runtime.PID) {
	if b.agentAt[a.PID] == a {
		delete(b.agentAt, a.PID)
	}
	b.unindexMachine(a)
	a.PID = pid
	b.agentAt[pid] = a
	b.indexMachine(a)
}

// RemoveAgent removes a, whose tasks, executors, offers and operations must have been removed, and remembers its ID.
func (b *Book) RemoveAgent(a *Agent) {
	assert(len(a.tasks)+len(a.executors)+len(a.offers)+len(a.operations) == 0, "agent %s is removed with tasks, executors, offers or operations", a.ID)
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

// Agent returns the registered agent with that ID, or nil.
func (b *Book) Agent(id ids.Agent) *Agent { return b.agents[id] }

// AgentAt returns the registered agent at pid, or nil.
func (b *Book) AgentAt(pid runtime.PID) *Agent { return b.agentAt[pid] }

// Agents returns the registered agents. The caller must not change the list, and the book does not change it either.
func (b *Book) Agents() []*Agent {
	if b.inOrder == nil {
		b.inOrder = listed(b.agents)
	}
	return b.inOrder
}

// enlist appends a to the ordered list if it belongs at the end, as new agents do.
func (b *Book) enlist(a *Agent) {
	if n := len(b.inOrder); n > 0 && compareIDs(b.inOrder[n-1].ID, a.ID) < 0 {
		b.inOrder = append(b.inOrder, a)
		return
	}
	b.inOrder = nil
}

// ---- frameworks ----

// AddFramework adds a framework, which must have no tasks and executors yet. Operations that agents have reported become its own.
func (b *Book) AddFramework(f *Framework) {
	assert(b.frameworks[f.ID] == nil, "framework %s is registered already", f.ID)
	f.completed = newBoundedMap[ids.Task, *Task](b.limits.CompletedTasks)
	f.unreachable = newBoundedMap[ids.Task, *Task](b.limits.UnreachableTasks)
	b.frameworks[f.ID] = f
	b.revisions.Frameworks++
	b.indexScheduler(f)
	b.indexRoles(f)
	b.adopt(f)
}

// Connect records that the scheduler of f is reached by c, and only by c, from now on.
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

// RemoveFramework moves f, whose tasks, executors and offers must have been removed, to the completed frameworks. Its
// operations stay on their agents until they are terminal.
func (b *Book) RemoveFramework(f *Framework) {
	assert(len(f.tasks)+len(f.executors)+len(f.offers) == 0, "framework %s is removed with tasks, executors or offers", f.ID)
	b.unindexScheduler(f)
	b.unindexRoles(f)
	delete(b.frameworks, f.ID)
	b.disownAll(f)
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

// Framework returns the registered framework with that ID, or nil.
func (b *Book) Framework(id ids.Framework) *Framework { return b.frameworks[id] }

// FrameworkAt returns the framework whose scheduler is, or was last, at pid, or nil.
func (b *Book) FrameworkAt(pid runtime.PID) *Framework { return b.schedulers[pid] }

// Frameworks returns the registered frameworks.
func (b *Book) Frameworks() []*Framework { return listed(b.frameworks) }

// CompletedFrameworks returns the latest completed frameworks, oldest first.
func (b *Book) CompletedFrameworks() []*Framework { return b.completed.values() }

// IsCompleted reports whether the framework is completed and still remembered.
func (b *Book) IsCompleted(id ids.Framework) bool { return b.completed.has(id) }

// FrameworksIn returns the frameworks that subscribe to role.
func (b *Book) FrameworksIn(role string) []*Framework { return listed(b.roles[role]) }

// ---- offers ----

// AddOffer adds an offer to a registered framework.
func (b *Book) AddOffer(o *Offer) {
	f, a := b.frameworks[o.Framework], b.agents[o.Agent]
	assert(f != nil && a != nil, "offer %s is of an unknown framework or agent", o.ID)
	b.offers[o.ID], f.offers[o.ID], a.offers[o.ID] = o, o, o
	touchOffer(f, a, o)
}

// RemoveOffer removes o.
func (b *Book) RemoveOffer(o *Offer) {
	assert(b.offers[o.ID] == o, "offer %s is not outstanding", o.ID)
	f, a := b.frameworks[o.Framework], b.agents[o.Agent]
	delete(b.offers, o.ID)
	delete(f.offers, o.ID)
	delete(a.offers, o.ID)
	touchOffer(f, a, o)
}

// Offer returns the outstanding offer with that ID, or nil.
func (b *Book) Offer(id ids.Offer) *Offer { return b.offers[id] }

// NumOffers returns the number of outstanding offers.
func (b *Book) NumOffers() int { return len(b.offers) }

// ---- tasks and executors ----

// AddTask adds a task of a registered framework on a registered agent.
func (b *Book) AddTask(t *Task) {
	f, a := b.frameworks[t.Framework], b.agents[t.Agent]
	assert(f != nil && a != nil, "task %s is of an unknown framework or agent", t.ID)
	assert(b.AddTaskOf(f, a, t), "task %s of framework %s is known already", t.ID, t.Framework)
}

// AddTaskOf is [Book.AddTask] for a task of f on a. It reports false, and does nothing, if f has a task of that ID.
func (b *Book) AddTaskOf(f *Framework, a *Agent, t *Task) bool {
	if f.tasks[t.ID] != nil {
		return false
	}
	f.tasks[t.ID] = t
	a.hold(t)
	t.framework = f
	t.touch()
	return true
}

// RemoveTask moves t to the unreachable or to the completed tasks of its framework.
func (b *Book) RemoveTask(t *Task, unreachable bool) {
	f, a := b.frameworks[t.Framework], b.agents[t.Agent]
	key := TaskKey{t.Framework, t.ID}
	assert(f.tasks[t.ID] == t && t.agent == a, "task %s of framework %s is not known", t.ID, t.Framework)
	delete(f.tasks, t.ID)
	t.touch()
	a.release(t)
	f.touched.Past = true
	if unreachable {
		f.unreachable.put(t.ID, t)
		b.unreachableTasks[t.Agent] = append(b.unreachableTasks[t.Agent], key)
		return
	}
	f.completed.put(t.ID, t)
}

// AddExecutor adds an executor of a registered framework on a registered agent.
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

// RemoveExecutor removes e.
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

// listed returns the values in the order of their keys, in which …-S2 comes before …-S10.
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
