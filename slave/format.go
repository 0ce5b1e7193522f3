package slave

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// seconds is a time as it is written in messages.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func taskIDs(tasks []*mesospb.TaskInfo) []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = string(ids.TaskOf(t.GetTaskId()))
	}
	return names
}
