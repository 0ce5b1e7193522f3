package validate

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// The least that an executor of a task group must be given. Mesos: MIN_CPUS and MIN_MEM.
const (
	minExecutorCPUs = resources.Unit / 100
	minExecutorMem  = 32 * resources.Unit
)

// Task says why f cannot launch l on a within offered.
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
	total := l.Resources
	if t.Executor != nil {
		if err := taskExecutor(l, f, a); err != nil {
			return err
		}
		if f.Executor(a.ID, ids.ExecutorOf(t.Executor.ExecutorId)) == nil {
			total = total.Plus(l.ExecutorResources)
		}
	}
	if !offered.Contains(total) {
		return fmt.Errorf("Total resources %s required by task and its executor is more than available %s", total, offered)
	}
	if info := t.GetContainer().GetLinuxInfo(); info != nil && info.ShareCgroups != nil && !info.GetShareCgroups() {
		return errors.New("only a task in a task group may have 'share_cgroups' set to 'false'")
	}
	return nil
}

// task checks what holds for tasks in groups as well.
func task(l Launch, f *book.Framework, a *book.Agent) error {
	t := l.Task
	return first(
		func() error { return in("task ID", ID(t.GetTaskId().GetValue())) },
		func() error { return unusedTaskID(ids.TaskOf(t.TaskId), f) },
		func() error { return onAgent(t, a) },
		func() error {
			return in("the task's kill_policy.grace_period", duration(t.GetKillPolicy().GetGracePeriod()))
		},
		func() error { return in("the task's max_completion_time", duration(t.GetMaxCompletionTime())) },
		func() error { return taskChecks(t) },
		func() error { return taskResources(l) },
		func() error { return in("Task's `CommandInfo` is invalid", Command(t.GetCommand())) },
		func() error { return in("Task's `ContainerInfo` is invalid", Container(t.GetContainer())) },
		func() error { return limits(l, a) },
	)
}

func unusedTaskID(id ids.Task, f *book.Framework) error {
	if f.Task(id) != nil {
		return fmt.Errorf("Task has duplicate ID: %s", id)
	}
	if f.UnreachableTask(id) != nil {
		return fmt.Errorf("Task reuses the ID of an unreachable task: %s", id)
	}
	return nil
}

func onAgent(t *mesospb.TaskInfo, a *book.Agent) error {
	if id := ids.AgentOf(t.SlaveId); id != a.ID {
		return fmt.Errorf("Task uses invalid agent %s while agent %s is expected", id, a.ID)
	}
	return nil
}

func duration(d *mesospb.DurationInfo) error {
	if d.GetNanoseconds() < 0 {
		return errors.New("the time must not be negative")
	}
	return nil
}

func taskChecks(t *mesospb.TaskInfo) error {
	if t.Check != nil {
		if err := Check(t.Check); err != nil {
			return in("Task uses invalid check", err)
		}
	}
	if t.HealthCheck != nil {
		return in("Task uses invalid health check", HealthCheck(t.HealthCheck))
	}
	return nil
}

func taskResources(l Launch) error {
	if len(l.Task.GetResources()) == 0 {
		return errors.New("Task uses no resources")
	}
	return in("Task uses invalid resources", held(l.Resources))
}

func limits(l Launch, a *book.Agent) error {
	if len(l.Task.GetLimits()) == 0 {
		return nil
	}
	if !a.Capabilities.TaskResourceLimits {
		return errors.New("the agent cannot limit the resources of tasks")
	}
	for name, limit := range l.Task.GetLimits() {
		if name != "cpus" && name != "mem" {
			return errors.New("only cpus and mem can be limited")
		}
		requested, ok := l.Resources.Scalar(name)
		if !ok {
			return fmt.Errorf("the limit of %s needs a request of it", name)
		}
		if v := limit.GetValue(); !math.IsInf(v, 1) && resources.QuantityOf(v) < requested {
			return fmt.Errorf("the limit of %s must not be less than the request", name)
		}
	}
	return nil
}

// taskExecutor checks the executor of a task that is launched alone.
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
		return fmt.Errorf("the executor's resources %s must not be shared", l.ExecutorResources)
	case e.GetContainer().GetLinuxInfo() != nil && e.GetContainer().GetLinuxInfo().ShareCgroups != nil && e.GetContainer().GetLinuxInfo().GetShareCgroups():
		return errShareCgroups
	case overlap(l.Resources, l.ExecutorResources):
		return fmt.Errorf("the task's resources %s and its executor's %s overlap", l.Resources, l.ExecutorResources)
	}
	return in("the task and its executor", together(l.Resources.Plus(l.ExecutorResources)))
}

var errShareCgroups = errors.New("the field 'share_cgroups' cannot be set to 'true' on containers of executors")

// executor checks any executor that is about to be used by f on a.
func executor(e *mesospb.ExecutorInfo, rs resources.Resources, f *book.Framework, a *book.Agent) error {
	if err := ExecutorInfo(e); err != nil {
		return err
	}
	if id := ids.FrameworkOf(e.FrameworkId); id != f.ID {
		return fmt.Errorf("ExecutorInfo has an invalid FrameworkID (Actual: %s vs Expected: %s)", id, f.ID)
	}
	if err := held(rs); err != nil {
		return in("Executor uses invalid resources", err)
	}
	if known := f.Executor(a.ID, ids.ExecutorOf(e.ExecutorId)); known != nil && !proto.Equal(known.Info, e) {
		return fmt.Errorf("ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID '%s'", known.ID)
	}
	return nil
}

// ExecutorInfo says what is wrong with the description of an executor, wherever it comes from.
//
// Mesos: validation::executor::validate.
func ExecutorInfo(e *mesospb.ExecutorInfo) error {
	return first(
		func() error { return executorType(e) },
		func() error { return in("executor ID", ID(e.GetExecutorId().GetValue())) },
		func() error { return in("the executor's shutdown_grace_period", duration(e.GetShutdownGracePeriod())) },
		func() error { return in("Executor's `CommandInfo` is invalid", Command(e.GetCommand())) },
		func() error { return in("Executor's `ContainerInfo` is invalid", Container(e.GetContainer())) },
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
