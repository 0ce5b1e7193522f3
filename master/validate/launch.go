package validate

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/shallow"
)

// Launch is a task as its agent gets it: fields that a scheduler may leave out are filled in, and the resources are
// parsed. The messages share their parts with those of the scheduler, which do not change.
type Launch struct {
	Task              *mesospb.TaskInfo
	Resources         resources.Resources // of the task; allocated
	ExecutorResources resources.Resources // of Task.Executor; allocated; empty if there is none
}

// Launches prepares launches. It remembers the latest resources of tasks and of executors, because those of many are the same
// messages: they are then allocated once, and the tasks share the result.
type Launches struct{ tasks, executors allocations }

// Of prepares a task that framework launches on offers to role. It fails if resources are invalid.
//
// Mesos: validateAndUpgradeResources, protobuf::injectAllocationInfo, and Master::accept.
func (m *Launches) Of(task *mesospb.TaskInfo, framework ids.Framework, role string) (Launch, error) {
	l, err := m.launchIn(task, role)
	if err != nil {
		return Launch{}, err
	}
	if e := l.Task.Executor; e != nil && e.FrameworkId == nil {
		e.FrameworkId = framework.Proto()
	}
	if h := task.HealthCheck; h != nil && h.Type == nil {
		l.Task.HealthCheck = typedHealthCheck(h)
	}
	return l, nil
}

// launchIn prepares a task and fills in nothing but the allocation of its resources.
func (m *Launches) launchIn(task *mesospb.TaskInfo, role string) (Launch, error) {
	of := m.tasks.of(task.GetResources(), role)
	if of.err != nil {
		return Launch{}, of.err
	}
	l := Launch{Task: shallow.Copy(task), Resources: of.held}
	l.Task.Resources = of.described
	var err error
	if task.Executor != nil {
		l.Task.Executor, l.ExecutorResources, err = m.executorIn(task.Executor, role)
	}
	return l, err
}

// executorIn prepares an executor in the same way.
func (m *Launches) executorIn(e *mesospb.ExecutorInfo, role string) (*mesospb.ExecutorInfo, resources.Resources, error) {
	of := m.executors.of(e.GetResources(), role)
	if of.err != nil {
		return nil, of.held, of.err
	}
	prepared := shallow.Copy(e)
	prepared.Resources = of.described
	return prepared, of.held, nil
}

// allocations remembers the latest resources that were allocated.
type allocations struct {
	role   string
	latest resources.Latest[allocation]
}

// allocation is what resources come to that are allocated.
type allocation struct {
	held      resources.Resources
	described []*mesospb.Resource // held as messages, which nobody changes
	err       error
}

func (a *allocations) of(ps []*mesospb.Resource, role string) allocation {
	if a.role != role {
		*a = allocations{role: role}
	}
	return a.latest.Of(ps, func(ps []*mesospb.Resource) allocation {
		held, err := allocated(ps, role)
		if err != nil {
			return allocation{held: held, err: err}
		}
		return allocation{held: held, described: slices.Clip(held.Proto())}
	})
}

// allocated parses resources and allocates to role those that are not allocated.
func allocated(ps []*mesospb.Resource, role string) (resources.Resources, error) {
	rs, err := resources.FromProto(ps)
	if err != nil {
		return rs, err
	}
	if len(rs.AllocationRoles()) == 0 {
		return rs.Allocate(role), nil
	}
	isAllocated := func(r resources.Resource) bool { _, ok := r.AllocationRole(); return ok }
	open := rs.Filter(func(r resources.Resource) bool { return !isAllocated(r) })
	return rs.Filter(isAllocated).Plus(open.Allocate(role)), nil
}

// typedHealthCheck returns h with its type, which old schedulers leave out.
func typedHealthCheck(h *mesospb.HealthCheck) *mesospb.HealthCheck {
	typed := shallow.Copy(h)
	switch {
	case h.Command != nil && h.Http == nil:
		typed.Type = mesospb.HealthCheck_COMMAND.Enum()
	case h.Http != nil && h.Command == nil:
		typed.Type = mesospb.HealthCheck_HTTP.Enum()
	}
	return typed
}
