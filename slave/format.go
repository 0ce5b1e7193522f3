package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

func taskIDs(tasks []*mesospb.TaskInfo) []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = string(ids.TaskOf(t.GetTaskId()))
	}
	return names
}
