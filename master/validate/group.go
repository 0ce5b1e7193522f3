package validate

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// Group is a task group as it goes to its agent.
type Group struct {
	Executor          *mesospb.ExecutorInfo
	ExecutorResources resources.Resources
	Tasks             []Launch
}

// NewGroup prepares a task group; see [NewLaunch]. Tasks without an executor get that of the group.
func NewGroup(g *mesospb.Offer_Operation_LaunchGroup, framework ids.Framework, role string) (Group, error) {
	if g.GetExecutor() == nil {
		return Group{}, errors.New("a task group needs an executor")
	}
	e, held, err := Executor(g.GetExecutor(), framework, role)
	if err != nil {
		return Group{}, err
	}
	group := Group{Executor: e, ExecutorResources: held}
	for _, t := range g.GetTaskGroup().GetTasks() {
		own := t.Executor != nil
		if !own {
			t = shallowTask(t)
			t.Executor = g.Executor
		}
		l, err := NewLaunch(t, framework, role)
		if err != nil {
			return Group{}, err
		}
		if !own {
			l.Task.Executor = e
		}
		group.Tasks = append(group.Tasks, l)
	}
	return group, nil
}

// Resources is what the group holds, without its executor.
func (g Group) Resources() resources.Resources {
	bags := make([]resources.Resources, len(g.Tasks))
	for i, l := range g.Tasks {
		bags[i] = l.Resources
	}
	return resources.Sum(bags...)
}

// TaskGroup says why f cannot launch g on a within offered.
//
// Mesos: validation::task::group::validate.
func TaskGroup(g Group, f *book.Framework, a *book.Agent, offered resources.Resources) error {
	for _, l := range g.Tasks {
		if err := groupTask(l, g, f, a); err != nil {
			return fmt.Errorf("Task '%s' is invalid: %w", l.Task.GetTaskId().GetValue(), err)
		}
	}
	if err := groupExecutor(g, f, a); err != nil {
		return err
	}
	if err := groupResources(g); err != nil {
		return err
	}
	total := g.Resources()
	if f.Executor(a.ID, ids.ExecutorOf(g.Executor.ExecutorId)) == nil {
		total = total.Plus(g.ExecutorResources)
	}
	if !offered.Contains(total) {
		return fmt.Errorf("Total resources %s required by task group and its executor are more than available %s", total, offered)
	}
	return shareCgroups(g, f, a)
}

func groupTask(l Launch, g Group, f *book.Framework, a *book.Agent) error {
	if err := task(l, f, a); err != nil {
		return err
	}
	t := l.Task
	switch kind := t.GetHealthCheck().GetType(); {
	case len(t.GetContainer().GetNetworkInfos()) > 0 && (kind == mesospb.HealthCheck_HTTP || kind == mesospb.HealthCheck_TCP):
		return errors.New("a task with a network of its own cannot be checked by HTTP or TCP")
	case t.Container != nil && t.GetContainer().GetType() == mesospb.ContainerInfo_DOCKER:
		return errors.New("Docker ContainerInfo is not supported on the task")
	case len(t.GetLimits()) > 0 && !unshared(t.GetContainer()):
		return errors.New("resources of a task in a group can be limited only if its 'share_cgroups' is 'false'")
	case t.Executor != g.Executor && !proto.Equal(t.Executor, g.Executor):
		return fmt.Errorf("its executor is not the executor '%s' of the group", g.Executor.GetExecutorId().GetValue())
	}
	return nil
}

func groupExecutor(g Group, f *book.Framework, a *book.Agent) error {
	e := g.Executor
	if err := executor(e, g.ExecutorResources, f, a); err != nil {
		return err
	}
	cpus, mem := g.ExecutorResources.CPUs(), g.ExecutorResources.Mem()
	_, hasDisk := g.ExecutorResources.Scalar("disk")
	id := e.GetExecutorId().GetValue()
	switch {
	case e.Type == nil:
		return errors.New("'ExecutorInfo.type' must be set")
	case e.GetType() == mesospb.ExecutorInfo_UNKNOWN:
		return errors.New("the type of the executor is unknown")
	case e.Container != nil && e.GetContainer().GetType() == mesospb.ContainerInfo_DOCKER:
		return errors.New("Docker ContainerInfo is not supported on the executor")
	case cpus < minExecutorCPUs:
		return fmt.Errorf("Executor '%s' uses less CPUs (%s) than the minimum required (%s)", id, cpus, minExecutorCPUs)
	case mem < minExecutorMem:
		return fmt.Errorf("Executor '%s' uses less memory (%sMB) than the minimum required (%sMB)", id, mem, minExecutorMem)
	case !hasDisk:
		return fmt.Errorf("Executor '%s' uses no disk", id)
	}
	return nil
}

func groupResources(g Group) error {
	bags := []resources.Resources{g.ExecutorResources}
	for _, l := range g.Tasks {
		bags = append(bags, l.Resources)
	}
	if overlap(bags...) {
		return errors.New("resources of the group's tasks, or of its executor, overlap")
	}
	return in("the task group and its executor", together(resources.Sum(bags...)))
}

// shareCgroups checks that all tasks of an executor agree on whether they share its cgroups.
func shareCgroups(g Group, f *book.Framework, a *book.Agent) error {
	if info := g.Executor.GetContainer().GetLinuxInfo(); info != nil && info.ShareCgroups != nil && info.GetShareCgroups() {
		return errShareCgroups
	}
	if len(g.Tasks) == 0 {
		return nil
	}
	want := unshared(g.Tasks[0].Task.GetContainer())
	agree := func(c *mesospb.ContainerInfo) bool { return unshared(c) == want }
	ok := true
	for _, l := range g.Tasks[1:] {
		ok = ok && agree(l.Task.GetContainer())
	}
	if id := ids.ExecutorOf(g.Executor.ExecutorId); f.Executor(a.ID, id) != nil {
		for _, t := range f.TasksOf(a.ID, id) {
			ok = ok && agree(t.Described.GetContainer())
		}
	}
	if !ok {
		return errors.New("'share_cgroups' must be the same for all tasks of a group and under one executor")
	}
	return nil
}

// unshared reports whether a container asks for cgroups of its own.
func unshared(c *mesospb.ContainerInfo) bool {
	info := c.GetLinuxInfo()
	return info != nil && info.ShareCgroups != nil && !info.GetShareCgroups()
}
