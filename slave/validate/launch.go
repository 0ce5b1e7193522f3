package validate

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/validate"
)

// Launch checks the ids of tasks and of the executor they are for: they become names of files, and must be different.
// Masters have checked them, but not every message in a master's name is from a master.
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
