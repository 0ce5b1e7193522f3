package validate

import (
	"errors"
	"fmt"
	"strings"

	"meseta/master/book"
	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Group is a task group as its agent gets it.
type Group struct {
	Executor          *mesospb.ExecutorInfo
	ExecutorResources resources.Resources
	Tasks             []Launch
}

// Group prepares a task group, as [Launches.Of] prepares a task. Tasks without an executor get that of the group.
// Other fields are not completed, because old schedulers, which leave them out, do not know task groups.
func (m *Launches) Group(g *mesospb.Offer_Operation_LaunchGroup, role string) (Group, error) {
	if g.GetExecutor() == nil {
		return Group{}, errors.New("A LAUNCH_GROUP offer operation must have the Offer.Operation.launch_group field set.")
	}
	e, held, err := m.executorIn(g.GetExecutor(), role)
	if err != nil {
		return Group{}, err
	}
	group := Group{Executor: e, ExecutorResources: held}
	for _, t := range g.GetTaskGroup().GetTasks() {
		l, err := m.launchIn(t, role)
		if err != nil {
			return Group{}, err
		}
		if t.Executor == nil {
			l.Task.Executor, l.ExecutorResources = e, held
		}
		group.Tasks = append(group.Tasks, l)
	}
	return group, nil
}

// Resources returns the resources of the group's tasks, without those of its executor.
func (g Group) Resources() resources.Resources {
	bags := make([]resources.Resources, len(g.Tasks))
	for i, l := range g.Tasks {
		bags[i] = l.Resources
	}
	return resources.Sum(bags...)
}

// TaskGroup returns an error if f cannot launch g on a with the resources in offered.
//
// Mesos: validation::task::group::validate.
func TaskGroup(g Group, f *book.Framework, a *book.Agent, offered resources.Resources) error {
	if err := groupTasks(g, f, a); err != nil {
		return err
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

// groupTasks validates each task of a group.
//
// Differs: Mesos does not refuse a group in which two tasks have the same ID, and aborts later.
func groupTasks(g Group, f *book.Framework, a *book.Agent) error {
	seen := map[ids.Task]bool{}
	for _, l := range g.Tasks {
		id := ids.TaskOf(l.Task.TaskId)
		err := groupTask(l, f, a)
		if err == nil && seen[id] {
			err = errDuplicate(id)
		}
		if err != nil {
			return fmt.Errorf("Task '%s' is invalid: %w", id, err)
		}
		seen[id] = true
	}
	return nil
}

func groupTask(l Launch, f *book.Framework, a *book.Agent) error {
	if err := task(l, f, a); err != nil {
		return err
	}
	t := l.Task
	switch kind := t.GetHealthCheck().GetType(); {
	case len(t.GetContainer().GetNetworkInfos()) > 0 && (kind == mesospb.HealthCheck_HTTP || kind == mesospb.HealthCheck_TCP):
		return errors.New("HTTP and TCP health checks are not supported for nested containers not joining parent's network")
	case t.Container != nil && t.GetContainer().GetType() == mesospb.ContainerInfo_DOCKER:
		return errors.New("Docker ContainerInfo is not supported on the task")
	case len(t.GetLimits()) > 0 && !unshared(t.GetContainer()):
		return errors.New("Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to 'false'.")
	}
	return nil
}

func groupExecutor(g Group, f *book.Framework, a *book.Agent) error {
	e := g.Executor
	if err := executor(e, g.ExecutorResources, f, a); err != nil {
		return err
	}
	switch {
	case e.Type == nil:
		return errors.New("'ExecutorInfo.type' must be set")
	case e.GetType() == mesospb.ExecutorInfo_UNKNOWN:
		return errors.New("Unknown executor type")
	case e.Container != nil && e.GetContainer().GetType() == mesospb.ContainerInfo_DOCKER:
		return errors.New("Docker ContainerInfo is not supported on the executor")
	}
	for _, l := range g.Tasks {
		if of := l.Task.Executor; !equal.Executor(of, e) {
			return fmt.Errorf("The `ExecutorInfo` of task '%s' is different from executor '%s'", l.Task.GetTaskId().GetValue(), e.GetExecutorId().GetValue())
		}
	}
	return enoughForExecutor(e, g.ExecutorResources)
}

// enoughForExecutor returns an error if the executor of a group has too few resources.
func enoughForExecutor(e *mesospb.ExecutorInfo, rs resources.Resources) error {
	id := e.GetExecutorId().GetValue()
	cpus, hasCPUs := rs.Scalar("cpus")
	mem, hasMem := rs.Scalar("mem")
	_, hasDisk := rs.Scalar("disk")
	amount := func(q resources.Quantity, ok bool, unit string) string {
		if !ok {
			return "None"
		}
		return q.String() + unit
	}
	switch {
	case cpus < minExecutorCPUs:
		return fmt.Errorf("Executor '%s' uses less CPUs (%s) than the minimum required (%s)", id, amount(cpus, hasCPUs, ""), minExecutorCPUs)
	case mem < minExecutorMem:
		return fmt.Errorf("Executor '%s' uses less memory (%s) than the minimum required (%sMB)", id, amount(mem, hasMem, "MB"), minExecutorMem)
	case !hasDisk:
		return fmt.Errorf("Executor '%s' uses no disk", id)
	}
	return nil
}

func groupResources(g Group) error {
	bags := make([]resources.Resources, 0, len(g.Tasks)+1)
	for _, l := range g.Tasks {
		bags = append(bags, l.Resources)
	}
	total := g.Resources().Plus(g.ExecutorResources)
	if err := first(
		func() error {
			return in("Task group and executor use duplicate persistence ID", uniquePersistence(total))
		},
		func() error {
			return in("Task group and executor mix revocable and non-revocable resources", eitherRevocableOrNot(total))
		},
	); err != nil {
		return err
	}
	if overlap(append(bags, g.ExecutorResources)...) {
		return fmt.Errorf("There are overlapping resources in the task group's task resources %s and/or executor resources %s", list(bags), g.ExecutorResources)
	}
	return nil
}

// list formats bags as Mesos formats a list.
func list(bags []resources.Resources) string {
	texts := make([]string, len(bags))
	for i, bag := range bags {
		texts[i] = bag.String()
	}
	return "[ " + strings.Join(texts, ", ") + " ]"
}

// shareCgroups returns an error unless all tasks of an executor agree on whether they share its cgroups.
func shareCgroups(g Group, f *book.Framework, a *book.Agent) error {
	if sharesCgroups(g.Executor) {
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
		return errors.New("If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a single executor")
	}
	return nil
}

// unshared reports whether a container asks for cgroups of its own.
func unshared(c *mesospb.ContainerInfo) bool {
	info := c.GetLinuxInfo()
	return info != nil && info.ShareCgroups != nil && !info.GetShareCgroups()
}
