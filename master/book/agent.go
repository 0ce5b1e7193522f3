package book

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meseta/master/maintenance"
	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Agent is a registered agent.
type Agent struct {
	ID           ids.Agent
	Info         *mesospb.SlaveInfo
	PID          runtime.PID
	Version      string
	Announced    []*mesospb.SlaveInfo_Capability
	Capabilities capabilities.Agent
	Registered   time.Time
	Reregistered time.Time // zero if it never re-registered
	Connected    bool      // false after its connection broke, until it re-registers
	Active       bool      // its resources may be offered
	ledger.Ledger
	Deactivation

	machine    maintenance.Machine
	frameworks map[ids.Framework]*Framework // the book's
	tasks      []*Task                      // in no order; each knows its place
	duplicates map[TaskKey]*Task            // nil if there are none
	executors  map[ExecutorKey]*Executor
	operations map[ids.UUID]*Operation // nil if there are none
	offers     map[ids.Offer]*Offer
	revision   uint64
}

// Revision returns a number that grows with every change of the tasks, executors, offers and operations on a.
func (a *Agent) Revision() uint64 { return a.revision }

// TaskKey identifies a task on an agent. Task IDs are unique only within a framework.
type TaskKey struct {
	Framework ids.Framework
	Task      ids.Task
}

// ExecutorKey identifies an executor on an agent. Executor IDs are unique only within a framework.
type ExecutorKey struct {
	Framework ids.Framework
	Executor  ids.Executor
}

// NewAgent returns a connected and active agent without tasks and executors.
func NewAgent(info *mesospb.SlaveInfo, pid runtime.PID) *Agent {
	return &Agent{
		ID: ids.AgentOf(info.GetId()), Info: info, PID: pid, Connected: true, Active: true,
		executors: map[ExecutorKey]*Executor{}, offers: map[ids.Offer]*Offer{},
	}
}

// String returns a as Mesos names agents in messages: with its ID, address and hostname.
func (a *Agent) String() string {
	return fmt.Sprintf("%s at %s (%s)", a.ID, a.PID, a.Info.GetHostname())
}

// Announce sets the capabilities of a.
func (a *Agent) Announce(announced []*mesospb.SlaveInfo_Capability) {
	a.Announced = announced
	a.Capabilities = capabilities.OfAgent(announced)
}

// Task returns the task on a, or nil.
func (a *Agent) Task(key TaskKey) *Task {
	if f := a.frameworks[key.Framework]; f != nil {
		if t := f.tasks[key.Task]; t != nil && t.agent == a {
			return t
		}
	}
	return nil
}

// Tasks returns the tasks on a by framework and ID, including terminal ones that are not acknowledged.
func (a *Agent) Tasks() []*Task {
	return arranged(slices.Clone(a.tasks), func(t *Task) (string, string) { return string(t.Framework), string(t.ID) })
}

// Expect makes room for n tasks more.
func (a *Agent) Expect(n int) { a.tasks = slices.Grow(a.tasks, n) }

// hold adds t to the tasks on a.
func (a *Agent) hold(t *Task) {
	t.agent, t.place = a, len(a.tasks)
	a.tasks = append(a.tasks, t)
}

// release removes t from the tasks on a.
func (a *Agent) release(t *Task) {
	last := len(a.tasks) - 1
	a.tasks[t.place], a.tasks[last].place = a.tasks[last], t.place
	a.tasks[last] = nil
	a.tasks, t.agent = a.tasks[:last], nil
}

// TaskCount returns the number of tasks and duplicates on a.
func (a *Agent) TaskCount() int { return len(a.tasks) + len(a.duplicates) }

// Executor returns the executor on a, or nil.
func (a *Agent) Executor(key ExecutorKey) *Executor { return a.executors[key] }

// Executors returns the executors on a by framework and ID.
func (a *Agent) Executors() []*Executor {
	return sorted(a.executors, func(e *Executor) (string, string) { return string(e.Framework), string(e.ID) })
}

// Offers returns the outstanding offers of a.
func (a *Agent) Offers() []*Offer { return listed(a.offers) }

// FrameworkIDs returns the frameworks that have tasks, duplicates or executors on a.
func (a *Agent) FrameworkIDs() []ids.Framework {
	set := map[ids.Framework]ids.Framework{}
	for _, t := range a.tasks {
		set[t.Framework] = t.Framework
	}
	for key := range a.duplicates {
		set[key.Framework] = key.Framework
	}
	for key := range a.executors {
		set[key.Framework] = key.Framework
	}
	return listed(set)
}

// UsedBy returns what the executors and non-terminal tasks of each framework use on a.
func (a *Agent) UsedBy() map[ids.Framework]resources.Resources {
	if used, of, ok := a.usedByOne(); ok {
		return map[ids.Framework]resources.Resources{of: used}
	}
	held := make([]holding, 0, len(a.tasks)+len(a.duplicates)+len(a.executors))
	for _, t := range a.tasks {
		if t.HoldsResources() {
			held = append(held, holding{t.Framework, t.Resources})
		}
	}
	for _, t := range a.duplicates {
		if t.HoldsResources() {
			held = append(held, holding{t.Framework, t.Resources})
		}
	}
	for _, e := range a.executors {
		held = append(held, holding{e.Framework, e.Resources})
	}
	return sums(held)
}

// usedByOne returns what a framework uses if there is only one, as on most agents.
func (a *Agent) usedByOne() (used resources.Resources, of ids.Framework, ok bool) {
	if len(a.tasks) == 0 || len(a.duplicates) > 0 || len(a.executors) > 0 {
		return used, "", false
	}
	of = a.tasks[0].Framework
	bags := make([]resources.Resources, 0, 16) // not on the heap unless there are more
	for _, t := range a.tasks {
		if t.Framework != of {
			return used, "", false
		}
		if t.HoldsResources() {
			bags = append(bags, t.Resources)
		}
	}
	return resources.Sum(bags...), of, len(bags) > 0
}

// holding is what a framework uses.
type holding struct {
	framework ids.Framework
	resources resources.Resources
}

// sums adds up what each framework uses.
func sums(held []holding) map[ids.Framework]resources.Resources {
	slices.SortStableFunc(held, func(x, y holding) int { return strings.Compare(string(x.framework), string(y.framework)) })
	used := map[ids.Framework]resources.Resources{}
	bags := make([]resources.Resources, 0, len(held))
	for i, h := range held {
		bags = append(bags, h.resources)
		if i+1 == len(held) || held[i+1].framework != h.framework {
			used[h.framework] = resources.Sum(bags...)
			bags = bags[:0]
		}
	}
	return used
}

// EachHeld calls each with the resources of every executor and non-terminal task on a, in no order. Shared resources
// may occur several times.
func (a *Agent) EachHeld(each func(resources.Resources)) {
	for _, t := range a.tasks {
		if t.HoldsResources() {
			each(t.Resources)
		}
	}
	for _, t := range a.duplicates {
		if t.HoldsResources() {
			each(t.Resources)
		}
	}
	for _, e := range a.executors {
		each(e.Resources)
	}
}

// Used returns what all frameworks use on a.
func (a *Agent) Used() resources.Resources {
	bags := make([]resources.Resources, 0, len(a.tasks)+len(a.executors))
	for _, t := range a.Tasks() {
		if t.HoldsResources() {
			bags = append(bags, t.Resources)
		}
	}
	for _, t := range a.Duplicates() {
		if t.HoldsResources() {
			bags = append(bags, t.Resources)
		}
	}
	for _, e := range a.Executors() {
		bags = append(bags, e.Resources)
	}
	return resources.Sum(bags...)
}

// Offered returns the resources in outstanding offers of a.
func (a *Agent) Offered() resources.Resources {
	var sum resources.Resources
	for _, o := range a.offers {
		sum = sum.Plus(o.Resources)
	}
	return sum
}
