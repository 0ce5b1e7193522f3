package slave

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/book"
)

// downgraded writes resources as every master reads them, if that can be.
//
// Mesos: downgradeResources.
func downgraded(rs []*mesospb.Resource) []*mesospb.Resource {
	old, err := resources.FromValid(rs).PreRefinement()
	if err != nil {
		return rs
	}
	return old
}

func downgradedInfo(info *mesospb.SlaveInfo) *mesospb.SlaveInfo {
	info = proto.CloneOf(info)
	info.Resources = downgraded(info.GetResources())
	return info
}

func downgradedExecutor(info *mesospb.ExecutorInfo) *mesospb.ExecutorInfo {
	info = proto.CloneOf(info)
	info.Resources = downgraded(info.GetResources())
	return info
}

// downgradedTask returns a copy that can be sent: the book changes its own.
func downgradedTask(t *mesospb.Task) *mesospb.Task {
	t = proto.CloneOf(t)
	t.Resources = downgraded(t.GetResources())
	return t
}

// describe writes resources for people.
func describe(rs []*mesospb.Resource) string { return resources.FromValid(rs).String() }

// allocated returns resources in the format used inside the agent, each allocated to a role: to the framework's only
// one where they do not say.
//
// Mesos: Slave::run, injectAllocationInfo and upgradeResources.
func allocated(rs []*mesospb.Resource, f *mesospb.FrameworkInfo) []*mesospb.Resource {
	complete := make([]*mesospb.Resource, len(rs))
	for i, r := range rs {
		if r.GetAllocationInfo() == nil {
			r = proto.CloneOf(r)
			r.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: proto.String(onlyRole(f))}
		}
		complete[i] = r
	}
	return resources.FromValid(complete).Proto()
}

func onlyRole(f *mesospb.FrameworkInfo) string {
	if book.HasCapability(f, mesospb.FrameworkInfo_Capability_MULTI_ROLE) && len(f.GetRoles()) > 0 {
		return f.GetRoles()[0]
	}
	return f.GetRole()
}

// lostOr returns state for a framework that knows it, and TASK_LOST for others.
func lostOr(state mesospb.TaskState, f *mesospb.FrameworkInfo) mesospb.TaskState {
	if book.HasCapability(f, mesospb.FrameworkInfo_Capability_PARTITION_AWARE) {
		return state
	}
	return mesospb.TaskState_TASK_LOST
}

// seconds is a time as it is written in messages.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func taskIDs(tasks []*mesospb.TaskInfo) []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = string(ids.TaskOf(t.GetTaskId()))
	}
	return names
}

// mend is f, or instead where f fails.
func mend[T any](f runtime.Future[T], instead T) runtime.Future[T] {
	return runtime.Recover(f, func(error) (T, error) { return instead, nil })
}
