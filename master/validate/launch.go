package validate

import (
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

// NewLaunch prepares a task that framework launches on offers to role. It fails if resources are invalid.
//
// Mesos: validateAndUpgradeResources, protobuf::injectAllocationInfo, and Master::accept.
func NewLaunch(task *mesospb.TaskInfo, framework ids.Framework, role string) (Launch, error) {
	l, err := launchIn(task, role)
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
func launchIn(task *mesospb.TaskInfo, role string) (Launch, error) {
	held, err := allocated(task.GetResources(), role)
	if err != nil {
		return Launch{}, err
	}
	l := Launch{Task: shallow.Copy(task), Resources: held}
	l.Task.Resources = held.Proto()
	if task.Executor != nil {
		l.Task.Executor, l.ExecutorResources, err = executorIn(task.Executor, role)
	}
	return l, err
}

// executorIn prepares an executor in the same way.
func executorIn(e *mesospb.ExecutorInfo, role string) (*mesospb.ExecutorInfo, resources.Resources, error) {
	held, err := allocated(e.GetResources(), role)
	if err != nil {
		return nil, held, err
	}
	prepared := shallow.Copy(e)
	prepared.Resources = held.Proto()
	return prepared, held, nil
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
