package book

import (
	"slices"
	"time"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/messages/roles"
)

// FrameworkState is the state of a framework's connection to its scheduler.
type FrameworkState uint8

// The states of a framework. Only an active framework is offered resources.
const (
	Recovered    FrameworkState = iota // known from agents only; its scheduler has not subscribed to this master yet
	Disconnected                       // its scheduler disconnected, and may fail over
	Inactive                           // its scheduler is connected, but does not want offers
	Active
)

// Framework is a registered framework.
type Framework struct {
	ID           ids.Framework
	Info         *mesospb.FrameworkInfo
	Capabilities capabilities.Framework
	Roles        []string
	Connection
	Constraints  *schedulerpb.OfferConstraints // for agents whose resources it is offered; nil means none
	State        FrameworkState
	Registered   time.Time
	Reregistered time.Time // of the last subscription
	Unregistered time.Time // zero while it is registered
	Counts       *Counts

	tasks        map[ids.Task]*Task
	executors    map[ids.Agent]map[ids.Executor]*Executor
	offers       map[ids.Offer]*Offer
	operations   operationSet          // nil if there are none
	operationIDs map[string]*Operation // the latest with each ID
	completed    *boundedMap[ids.Task, *Task]
	unreachable  *boundedMap[ids.Task, *Task]
	touched      Touched
}

// NewFramework returns a framework without tasks and executors. It subscribes to the roles in info.
func NewFramework(info *mesospb.FrameworkInfo) *Framework {
	f := &Framework{
		ID:        ids.FrameworkOf(info.GetId()),
		tasks:     map[ids.Task]*Task{},
		executors: map[ids.Agent]map[ids.Executor]*Executor{},
		offers:    map[ids.Offer]*Offer{},
		touched:   Touched{All: true},
		Counts:    &Counts{},
	}
	f.describe(info)
	return f
}

func (f *Framework) describe(info *mesospb.FrameworkInfo) {
	f.Info = info
	f.Capabilities, f.Roles = capabilities.OfFramework(info), roles.Of(info)
}

// Expect makes room for that many tasks. It does nothing if f has some.
func (f *Framework) Expect(tasks int) {
	if len(f.tasks) == 0 {
		f.tasks = make(map[ids.Task]*Task, tasks)
	}
}

// Connected reports whether messages can be sent to the scheduler.
func (f *Framework) Connected() bool { return f.State == Active || f.State == Inactive }

// IsActive reports whether resources may be offered to f.
func (f *Framework) IsActive() bool { return f.State == Active }

// HasRole reports whether f subscribes to role.
func (f *Framework) HasRole(role string) bool { return slices.Contains(f.Roles, role) }

// Task returns a task that is not terminal or whose terminal update is not acknowledged, or nil.
func (f *Framework) Task(id ids.Task) *Task { return f.tasks[id] }

// Tasks returns the tasks that Task finds.
func (f *Framework) Tasks() []*Task { return listed(f.tasks) }

// CompletedTasks returns the latest completed tasks, oldest first.
func (f *Framework) CompletedTasks() []*Task { return f.completed.values() }

// UnreachableTasks returns the tasks on unreachable agents, oldest first.
func (f *Framework) UnreachableTasks() []*Task { return f.unreachable.values() }

// UnreachableTask returns a task on an unreachable agent, or nil.
func (f *Framework) UnreachableTask(id ids.Task) *Task {
	t, _ := f.unreachable.get(id)
	return t
}

// Complete moves an unreachable task to the completed ones.
func (f *Framework) Complete(t *Task) {
	f.unreachable.drop(t.ID)
	f.completed.put(t.ID, t)
	f.touched.Past = true
}

// ForgetPast removes a task from the unreachable and completed ones, because it is running.
func (f *Framework) ForgetPast(id ids.Task) {
	f.unreachable.drop(id)
	f.completed.drop(id)
	f.touched.Past = true
}

// Executor returns the executor on that agent, or nil.
func (f *Framework) Executor(agent ids.Agent, id ids.Executor) *Executor {
	return f.executors[agent][id]
}

// ExecutorsOn returns the executors on that agent.
func (f *Framework) ExecutorsOn(agent ids.Agent) []*Executor {
	if len(f.executors[agent]) == 0 {
		return nil
	}
	return listed(f.executors[agent])
}

// Executors returns all executors, by agent.
func (f *Framework) Executors() []*Executor {
	var all []*Executor
	for _, on := range listed(f.executors) {
		all = append(all, listed(on)...)
	}
	return all
}

// Offers returns the outstanding offers.
func (f *Framework) Offers() []*Offer { return listed(f.offers) }

// HasOffer reports whether o is outstanding.
func (f *Framework) HasOffer(o *Offer) bool { return f.offers[o.ID] == o }

// Used returns what the executors and non-terminal tasks of f use.
func (f *Framework) Used() resources.Resources {
	var sum resources.Resources
	for _, t := range f.tasks {
		if t.HoldsResources() {
			sum = sum.Plus(t.Resources)
		}
	}
	for _, on := range f.executors {
		for _, e := range on {
			sum = sum.Plus(e.Resources)
		}
	}
	return sum
}

// Offered returns the resources in the outstanding offers of f.
func (f *Framework) Offered() resources.Resources {
	var sum resources.Resources
	for _, o := range f.offers {
		sum = sum.Plus(o.Resources)
	}
	return sum
}

// sorted returns the values of m in the order of a pair of names.
func sorted[K comparable, V any](m map[K]V, name func(V) (string, string)) []V {
	values := make([]V, 0, len(m))
	for _, v := range m {
		values = append(values, v)
	}
	return arranged(values, name)
}

// arranged sorts values by name, and returns them.
func arranged[V any](values []V, name func(V) (string, string)) []V {
	slices.SortFunc(values, func(x, y V) int {
		x1, x2 := name(x)
		y1, y2 := name(y)
		if c := compareIDs(x1, y1); c != 0 {
			return c
		}
		return compareIDs(x2, y2)
	})
	return values
}

// TasksOf returns the tasks of an executor, including those on an unreachable agent.
func (f *Framework) TasksOf(agent ids.Agent, executor ids.Executor) []*Task {
	var of []*Task
	for _, t := range append(f.Tasks(), f.UnreachableTasks()...) {
		if t.Agent == agent && t.Executor == executor {
			of = append(of, t)
		}
	}
	return of
}
