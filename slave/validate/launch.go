package validate

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/validate"
)

// Launch validates the IDs of tasks and of their executor: they must be valid names of files, and distinct. Masters
// validate them, too, but a message in a master's name need not be from a master.
func Launch(executor *mesospb.ExecutorInfo, tasks []*mesospb.TaskInfo) error {
	if err := validate.ID(executor.GetExecutorId().GetValue()); err != nil {
		return fmt.Errorf("Executor has an invalid ID: %w", err)
	}
	seen := map[ids.Task]bool{}
	for _, t := range tasks {
		id := ids.TaskOf(t.GetTaskId())
		if err := validate.ID(string(id)); err != nil {
			return fmt.Errorf("Task has an invalid ID: %w", err)
		}
		if seen[id] {
			return fmt.Errorf("Task has duplicate ID: %s", id)
		}
		seen[id] = true
	}
	return nil
}

// Limits returns an error if tasks have resource limits that no isolator enforces. isolated reports whether containers are
// isolated by the isolator of that name.
//
// Mesos: Slave::validateResourceLimitsAndIsolators.
func Limits(tasks []*mesospb.TaskInfo, isolated func(isolator string) bool) error {
	for _, t := range tasks {
		if t.GetContainer().GetType() == mesospb.ContainerInfo_DOCKER && t.Container != nil {
			continue // Docker limits it
		}
		for _, c := range []struct{ resource, name, isolator string }{{"cpus", "CPU", "cgroups/cpu"}, {"mem", "Memory", "cgroups/mem"}} {
			if _, ok := t.GetLimits()[c.resource]; ok && !isolated(c.isolator) {
				return fmt.Errorf("%s limits can only be set on tasks launched in Mesos containers when the agent has loaded the '%s' isolator",
					c.name, c.isolator)
			}
		}
	}
	return nil
}
