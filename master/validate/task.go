package validate

import (
	"errors"
	"fmt"
	"math"

	"meseta/master/book"
	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/validate"
)

// The minimal resources of an executor of a task group.
//
// Mesos: MIN_CPUS and MIN_MEM.
const (
	minExecutorCPUs = resources.Unit / 100
	minExecutorMem  = 32 * resources.Unit
)

// Task returns an error if f cannot launch l on a with the resources in offered.
//
// Mesos: validation::task::validate.
func Task(l Launch, f *book.Framework, a *book.Agent, offered resources.Resources) error {
	if err := task(l, f, a); err != nil {
		return err
	}
	t := l.Task
	if (t.Executor != nil) == (t.Command != nil) {
		return errors.New("Task should have at least one (but not both) of CommandInfo or ExecutorInfo present")
	}
	if t.Executor != nil {
		if err := taskExecutor(l, f, a); err != nil {
			return err
		}
	}
	if err := taskAndExecutor(l); err != nil {
		return err
	}
	total := l.Resources
	if t.Executor != nil && f.Executor(a.ID, ids.ExecutorOf(t.Executor.ExecutorId)) == nil {
		total = total.Plus(l.ExecutorResources)
	}
	if !offered.Contains(total) {
		return fmt.Errorf("Total resources %s required by task and its executor is more than available %s", total, offered)
	}
	if unshared(t.GetContainer()) {
		return errors.New("Only tasks in a task group may have 'share_cgroups' set to 'false'")
	}
	return nil
}

// task validates what is common to single tasks and tasks in groups.
func task(l Launch, f *book.Framework, a *book.Agent) error {
	t := l.Task
	return first(
		check(validate.ID, t.GetTaskId().GetValue()),
		func() error { return unusedTaskID(ids.TaskOf(t.TaskId), f) },
		func() error { return onAgent(t, a) },
		func() error { return duration(t.GetKillPolicy().GetGracePeriod(), "Task's 'kill_policy.grace_period'") },
		func() error { return duration(t.GetMaxCompletionTime(), "Task's `max_completion_time`") },
		func() error { return taskChecks(t) },
		func() error { return taskResources(l) },
		func() error { return in("Task's `CommandInfo` is invalid", validate.CheckCommand(t.GetCommand())) },
		func() error {
			return in("Task's `ContainerInfo` is invalid", validate.CheckContainer(t.GetContainer()))
		},
		func() error { return limits(l, a) },
	)
}

func unusedTaskID(id ids.Task, f *book.Framework) error {
	if f.Task(id) != nil {
		return errDuplicate(id)
	}
	if f.UnreachableTask(id) != nil {
		return fmt.Errorf("Task reuses the ID of an unreachable task: %s", id)
	}
	return nil
}

func errDuplicate(id ids.Task) error { return fmt.Errorf("Task has duplicate ID: %s", id) }

func onAgent(t *mesospb.TaskInfo, a *book.Agent) error {
	if id := ids.AgentOf(t.SlaveId); id != a.ID {
		return fmt.Errorf("Task uses invalid agent %s while agent %s is expected", id, a.ID)
	}
	return nil
}

func duration(d *mesospb.DurationInfo, what string) error {
	if d.GetNanoseconds() < 0 {
		return errors.New(what + " must be non-negative")
	}
	return nil
}

func taskChecks(t *mesospb.TaskInfo) error {
	if t.Check != nil {
		if err := checkInfo(t.Check); err != nil {
			return in("Task uses invalid check", err)
		}
	}
	if t.HealthCheck != nil {
		return in("Task uses invalid health check", healthCheck(t.HealthCheck))
	}
	return nil
}

func taskResources(l Launch) error {
	if len(l.Task.GetResources()) == 0 {
		return errors.New("Task uses no resources")
	}
	return held(l.Resources, "Task")
}

func limits(l Launch, a *book.Agent) error {
	limited := l.Task.GetLimits()
	if len(limited) == 0 {
		return nil
	}
	if !a.Capabilities.TaskResourceLimits {
		return errors.New("Agent is not capable of handling task resource limits")
	}
	for name := range limited {
		if name != "cpus" && name != "mem" {
			return errors.New("Only cpus and mem may be included in a task's resource limits")
		}
	}
	for _, of := range []struct{ name, first, then string }{{"cpus", "CPU", "cpu"}, {"mem", "memory", "memory"}} {
		limit, ok := limited[of.name]
		if !ok {
			continue
		}
		requested, ok := l.Resources.Scalar(of.name)
		if !ok {
			return fmt.Errorf("When a %s limit is specified, a %s request must also be specified", of.first, of.first)
		}
		if v := limit.GetValue(); !math.IsInf(v, 1) && !(resources.QuantityOf(v) >= requested) {
			return fmt.Errorf("The %s limit must be greater than or equal to the %s request", of.then, of.then)
		}
	}
	return nil
}

// taskExecutor validates the executor of a single task.
func taskExecutor(l Launch, f *book.Framework, a *book.Agent) error {
	e := l.Task.Executor
	if err := executor(e, l.ExecutorResources, f, a); err != nil {
		return err
	}
	switch {
	case e.Type != nil && e.GetType() != mesospb.ExecutorInfo_CUSTOM:
		return errors.New("'ExecutorInfo.type' must be 'CUSTOM'")
	case e.Command == nil:
		return errors.New("'ExecutorInfo.command' must be set")
	case !l.ExecutorResources.Shared().IsEmpty():
		return fmt.Errorf("Executor resources %s should not contain any shared resources", l.ExecutorResources)
	case sharesCgroups(e):
		return errShareCgroups
	}
	return nil
}

// taskAndExecutor validates the resources of a task and its executor together.
func taskAndExecutor(l Launch) error {
	if l.Task.Executor == nil {
		return nil
	}
	if overlap(l.Resources, l.ExecutorResources) {
		return fmt.Errorf("There are overlapping resources in the task resources %s and executor resources %s", l.Resources, l.ExecutorResources)
	}
	total := l.Resources.Plus(l.ExecutorResources)
	return first(
		func() error {
			return in("Task and its executor use duplicate persistence ID", uniquePersistence(total))
		},
		func() error {
			return in("Task and its executor mix revocable and non-revocable resources", eitherRevocableOrNot(total))
		},
	)
}

// sharesCgroups reports whether an executor asks to share the cgroups of its agent.
func sharesCgroups(e *mesospb.ExecutorInfo) bool {
	info := e.GetContainer().GetLinuxInfo()
	return info != nil && info.ShareCgroups != nil && info.GetShareCgroups()
}

var errShareCgroups = errors.New("The 'share_cgroups' field cannot be set to 'true' on executor containers")

// executor validates an executor that f is about to use on a.
func executor(e *mesospb.ExecutorInfo, rs resources.Resources, f *book.Framework, a *book.Agent) error {
	if err := executorInfo(e); err != nil {
		return err
	}
	if e.FrameworkId == nil {
		return errors.New("'ExecutorInfo.framework_id' must be set")
	}
	if id := ids.FrameworkOf(e.FrameworkId); id != f.ID {
		return fmt.Errorf("ExecutorInfo has an invalid FrameworkID (Actual: %s vs Expected: %s)", id, f.ID)
	}
	if err := held(rs, "Executor"); err != nil {
		return err
	}
	if known := f.Executor(a.ID, ids.ExecutorOf(e.ExecutorId)); known != nil && !sameExecutor(known, e, rs) {
		return errors.New(incompatible(known.Info, e))
	}
	return nil
}

// sameExecutor reports whether e is the known executor. The format of resources, which agents do not preserve, does not
// matter.
func sameExecutor(known *book.Executor, e *mesospb.ExecutorInfo, rs resources.Resources) bool {
	if known.Info == e {
		return true
	}
	return known.Resources.Equal(rs) && equal.ExecutorButResources(known.Info, e)
}

// incompatible returns a text that shows how wanted differs from the known executor with the same ID.
func incompatible(known, wanted *mesospb.ExecutorInfo) string {
	const line = "------------------------------------------------------------\n"
	text := func(e *mesospb.ExecutorInfo) string { return string(mesosjson.Marshal(e)) }
	return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n" + line +
		"Existing ExecutorInfo:\n" + text(known) + "\n" + line + "ExecutorInfo:\n" + text(wanted) + "\n" + line
}

// executorInfo returns an error if an ExecutorInfo is invalid.
//
// Mesos: validation::executor::validate.
func executorInfo(e *mesospb.ExecutorInfo) error {
	return first(
		check(executorType, e),
		check(validate.ID, e.GetExecutorId().GetValue()),
		func() error { return duration(e.GetShutdownGracePeriod(), "ExecutorInfo's 'shutdown_grace_period'") },
		func() error { return in("Executor's `CommandInfo` is invalid", validate.CheckCommand(e.GetCommand())) },
		func() error {
			return in("Executor's `ContainerInfo` is invalid", validate.CheckContainer(e.GetContainer()))
		},
	)
}

func executorType(e *mesospb.ExecutorInfo) error {
	switch e.GetType() {
	case mesospb.ExecutorInfo_DEFAULT:
		switch {
		case e.Command != nil:
			return errors.New("'ExecutorInfo.command' must not be set for 'DEFAULT' executor")
		case e.Container != nil && e.GetContainer().GetType() != mesospb.ContainerInfo_MESOS:
			return errors.New("'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor")
		case e.GetContainer().GetMesos().GetImage() != nil:
			return errors.New("'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor")
		}
	case mesospb.ExecutorInfo_CUSTOM:
		if e.Command == nil {
			return errors.New("'ExecutorInfo.command' must be set for 'CUSTOM' executor")
		}
	}
	return nil
}
