package tasks

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Holder is a task with its resources and what it may use of them: a [mesospb.Task] or a [mesospb.TaskInfo].
type Holder interface {
	GetResources() []*mesospb.Resource
	GetLimits() map[string]*mesospb.Value_Scalar
}

// Limits returns what an executor with these resources may use together with its tasks, by the names of resources. A name
// is only there if a task has a limit for it; the other tasks may then use what they requested.
//
// Mesos: Slave::computeExecutorLimits.
func Limits(executor []*mesospb.Resource, tasks []Holder) map[string]*mesospb.Value_Scalar {
	var all map[string]*mesospb.Value_Scalar
	for _, name := range []string{"cpus", "mem"} {
		if !slices.ContainsFunc(tasks, func(t Holder) bool { return t.GetLimits()[name] != nil }) {
			continue
		}
		total := scalar(executor, name)
		for _, t := range tasks {
			if l := t.GetLimits()[name]; l != nil {
				total += l.GetValue()
			} else {
				total += scalar(t.GetResources(), name)
			}
		}
		if all == nil {
			all = map[string]*mesospb.Value_Scalar{}
		}
		all[name] = &mesospb.Value_Scalar{Value: proto.Float64(total)}
	}
	return all
}

func scalar(rs []*mesospb.Resource, name string) float64 {
	n, _ := resources.FromValid(rs).Scalar(name)
	return n.Float()
}
