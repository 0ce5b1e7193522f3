// Package wire makes the messages in which an agent describes itself and what it runs to masters, with resources in the
// format that every master reads.
package wire

import (
	"cmp"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ledger"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
)

// Version is the version of Mesos that agents claim to be.
const Version = "1.12.0"

// Downgrade returns resources in the older format, which every master reads, if that can express them.
//
// Mesos: downgradeResources.
func Downgrade(rs []*mesospb.Resource) []*mesospb.Resource {
	old, err := resources.FromValid(rs).PreRefinement()
	if err != nil {
		return rs
	}
	return old
}

// DowngradeAgent is [Downgrade] for the resources of an agent.
func DowngradeAgent(info *mesospb.SlaveInfo) *mesospb.SlaveInfo {
	info = proto.CloneOf(info)
	info.Resources = Downgrade(info.GetResources())
	return info
}

// DowngradeExecutor is [Downgrade] for the resources of an executor.
func DowngradeExecutor(info *mesospb.ExecutorInfo) *mesospb.ExecutorInfo {
	info = proto.CloneOf(info)
	info.Resources = Downgrade(info.GetResources())
	return info
}

// downgradeTask returns a copy that can be sent, because the book changes its own.
func downgradeTask(t *mesospb.Task) *mesospb.Task {
	t = proto.CloneOf(t)
	t.Resources = Downgrade(t.GetResources())
	return t
}

// Describe formats resources for people.
func Describe(rs []*mesospb.Resource) string { return resources.FromValid(rs).String() }

// Allocate returns resources in the newer format, each allocated to a role. Those that are not allocated get the
// framework's only role.
//
// Mesos: Slave::run, injectAllocationInfo and upgradeResources.
func Allocate(rs []*mesospb.Resource, f *mesospb.FrameworkInfo) []*mesospb.Resource {
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

// AllocateExecutor is [Allocate] for the resources of an executor that was checkpointed.
func AllocateExecutor(info *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo) *mesospb.ExecutorInfo {
	info = proto.CloneOf(info)
	info.Resources = Allocate(info.GetResources(), f)
	return info
}

// AllocateTask is [Allocate] for the resources of a task that was checkpointed.
func AllocateTask(t *mesospb.Task, f *mesospb.FrameworkInfo) *mesospb.Task {
	t = proto.CloneOf(t)
	t.Resources = Allocate(t.GetResources(), f)
	return t
}

func onlyRole(f *mesospb.FrameworkInfo) string {
	if capabilities.OfFramework(f).MultiRole && len(f.GetRoles()) > 0 {
		return f.GetRoles()[0]
	}
	return f.GetRole()
}

// Registration returns the registration of an agent without an ID, which has the resources in l.
func Registration(info *mesospb.SlaveInfo, l *ledger.Ledger) *internalpb.RegisterSlaveMessage {
	return &internalpb.RegisterSlaveMessage{
		Slave: DowngradeAgent(info), Version: proto.String(Version), AgentCapabilities: Capabilities(),
		CheckpointedResources: Downgrade(l.Checkpointed.Proto()), ResourceVersionUuid: l.ResourceVersion,
	}
}

// Reregistration returns the re-registration of an agent that has the resources in l, with everything in its book.
func Reregistration(info *mesospb.SlaveInfo, l *ledger.Ledger, b *book.Book) *internalpb.ReregisterSlaveMessage {
	m := &internalpb.ReregisterSlaveMessage{
		Slave: DowngradeAgent(info), Version: proto.String(Version), AgentCapabilities: Capabilities(),
		CheckpointedResources: Downgrade(l.Checkpointed.Proto()), ResourceVersionUuid: l.ResourceVersion,
	}
	for f := range b.Frameworks() {
		m.Frameworks = append(m.Frameworks, f.Info)
		m.Tasks = append(m.Tasks, tasksOf(f)...)
		for e := range f.Executors() {
			if !e.Command && e.State != book.Terminated {
				m.ExecutorInfos = append(m.ExecutorInfos, DowngradeExecutor(e.Info))
			}
		}
	}
	for f := range b.Completed() {
		m.CompletedFrameworks = append(m.CompletedFrameworks, archive(f))
	}
	return m
}

// tasksOf returns the tasks of a framework that the master must know.
func tasksOf(f *book.Framework) []*mesospb.Task {
	var known []*mesospb.Task
	staging := func(infos []*mesospb.TaskInfo) {
		for _, t := range infos {
			known = append(known, downgradeTask(tasks.New(t, mesospb.TaskState_TASK_STAGING, f.ID.Proto())))
		}
	}
	staging(f.PendingTasks())
	for e := range f.Executors() {
		for t := range e.Launched() {
			known = append(known, downgradeTask(t))
		}
		for t := range e.Terminated() {
			known = append(known, downgradeTask(t))
		}
		staging(e.Queued())
	}
	return known
}

func archive(f *book.Framework) *internalpb.Archive_Framework {
	a := &internalpb.Archive_Framework{FrameworkInfo: f.Info}
	if !f.PID.IsZero() {
		a.Pid = proto.String(f.PID.String())
	}
	for _, e := range f.CompletedExecutors() {
		for t := range e.Terminated() {
			a.Tasks = append(a.Tasks, downgradeTask(t))
		}
		for t := range e.Completed() {
			a.Tasks = append(a.Tasks, downgradeTask(t))
		}
	}
	return a
}

// Capabilities returns the agent's capabilities, in Mesos's order.
//
// Mesos: AGENT_CAPABILITIES.
func Capabilities() []*mesospb.SlaveInfo_Capability {
	return capabilities.ListForAgent(
		mesospb.SlaveInfo_Capability_MULTI_ROLE,
		mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE,
		mesospb.SlaveInfo_Capability_RESERVATION_REFINEMENT,
		mesospb.SlaveInfo_Capability_RESOURCE_PROVIDER,
		mesospb.SlaveInfo_Capability_RESIZE_VOLUME,
		mesospb.SlaveInfo_Capability_AGENT_OPERATION_FEEDBACK,
		mesospb.SlaveInfo_Capability_AGENT_DRAINING,
		mesospb.SlaveInfo_Capability_TASK_RESOURCE_LIMITS,
	)
}

// noPID is how the absence of a PID is written, for instance that of a scheduler that uses HTTP.
const noPID = "@0.0.0.0:0"

// PID returns p as it is written in messages and checkpoints. The zero PID is "@0.0.0.0:0".
func PID(p runtime.PID) string { return cmp.Or(p.String(), noPID) }
