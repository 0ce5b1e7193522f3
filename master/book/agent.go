package book

import (
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
	Reregistered time.Time // zero if it never did
	Connected    bool      // false after its connection broke, until it re-registers
	Active       bool      // offers are made of it
	ledger.Ledger
	Deactivation

	machine    maintenance.Machine
	tasks      map[TaskKey]*Task
	duplicates map[TaskKey]*Task // nil: none
	executors  map[ExecutorKey]*Executor
	offers     map[ids.Offer]*Offer
	revision   uint64
}

// Revision grows with every change of the tasks, executors and offers on a.
func (a *Agent) Revision() uint64 { return a.revision }

// TaskKey identifies a task on an agent, where those of several frameworks meet.
type TaskKey struct {
	Framework ids.Framework
	Task      ids.Task
}

// ExecutorKey identifies an executor on an agent.
type ExecutorKey struct {
	Framework ids.Framework
	Executor  ids.Executor
}

// NewAgent returns an agent that is connected and active, without tasks and executors.
func NewAgent(info *mesospb.SlaveInfo, pid runtime.PID) *Agent {
	return &Agent{
		ID: ids.AgentOf(info.GetId()), Info: info, PID: pid, Connected: true, Active: true,
		tasks: map[TaskKey]*Task{}, executors: map[ExecutorKey]*Executor{}, offers: map[ids.Offer]*Offer{},
	}
}

// Announce notes the capabilities of a.
func (a *Agent) Announce(announced []*mesospb.SlaveInfo_Capability) {
	a.Announced = announced
	a.Capabilities = capabilities.OfAgent(announced)
}

// Task returns the task on a, or nil.
func (a *Agent) Task(key TaskKey) *Task { return a.tasks[key] }

// Tasks lists the tasks on a by framework and id, with those that are terminal but not acknowledged.
func (a *Agent) Tasks() []*Task {
	return sorted(a.tasks, func(t *Task) (string, string) { return string(t.Framework), string(t.ID) })
}

// TaskCount is how many tasks and duplicates are on a.
func (a *Agent) TaskCount() int { return len(a.tasks) + len(a.duplicates) }

// Executor returns the executor on a, or nil.
func (a *Agent) Executor(key ExecutorKey) *Executor { return a.executors[key] }

// Executors lists the executors on a by framework and id.
func (a *Agent) Executors() []*Executor {
	return sorted(a.executors, func(e *Executor) (string, string) { return string(e.Framework), string(e.ID) })
}

// Offers lists the outstanding offers of a.
func (a *Agent) Offers() []*Offer { return listed(a.offers) }

// FrameworkIDs lists the frameworks that have tasks, duplicates or executors on a.
func (a *Agent) FrameworkIDs() []ids.Framework {
	set := map[ids.Framework]ids.Framework{}
	for key := range a.tasks {
		set[key.Framework] = key.Framework
	}
	for key := range a.duplicates {
		set[key.Framework] = key.Framework
	}
	for key := range a.executors {
		set[key.Framework] = key.Framework
	}
	return listed(set)
}

// UsedBy is what each framework's executors and unfinished tasks hold on a.
func (a *Agent) UsedBy() map[ids.Framework]resources.Resources {
	used := map[ids.Framework]resources.Resources{}
	for _, t := range a.tasks {
		if t.HoldsResources() {
			used[t.Framework] = used[t.Framework].Plus(t.Resources)
		}
	}
	for _, t := range a.duplicates {
		if t.HoldsResources() {
			used[t.Framework] = used[t.Framework].Plus(t.Resources)
		}
	}
	for _, e := range a.executors {
		used[e.Framework] = used[e.Framework].Plus(e.Resources)
	}
	return used
}

// EachHeld calls each with what every executor and unfinished task holds on a, in no order. Shared resources are held by
// several.
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

// Used is what all frameworks hold on a.
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

// Offered is what is in outstanding offers of a.
func (a *Agent) Offered() resources.Resources {
	var sum resources.Resources
	for _, o := range a.offers {
		sum = sum.Plus(o.Resources)
	}
	return sum
}
