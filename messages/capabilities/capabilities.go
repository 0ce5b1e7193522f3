// Package capabilities reads and writes the capabilities that frameworks and agents declare.
package capabilities

import "meseta/messages/pb/mesospb"

// Framework holds the capabilities that a framework declared. The zero value is a framework without any, as in the
// first version of Mesos.
//
// Mesos: protobuf::framework::Capabilities.
type Framework struct {
	RevocableResources, TaskKillingState, GPUResources, SharedResources, PartitionAware, MultiRole, ReservationRefinement,
	RegionAware bool
}

// OfFramework returns the capabilities that info declares.
func OfFramework(info *mesospb.FrameworkInfo) (f Framework) {
	for _, c := range info.GetCapabilities() {
		if flag := f.flag(c.GetType()); flag != nil {
			*flag = true
		}
	}
	return f
}

func (f *Framework) flag(c mesospb.FrameworkInfo_Capability_Type) *bool {
	switch c {
	case mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES:
		return &f.RevocableResources
	case mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE:
		return &f.TaskKillingState
	case mesospb.FrameworkInfo_Capability_GPU_RESOURCES:
		return &f.GPUResources
	case mesospb.FrameworkInfo_Capability_SHARED_RESOURCES:
		return &f.SharedResources
	case mesospb.FrameworkInfo_Capability_PARTITION_AWARE:
		return &f.PartitionAware
	case mesospb.FrameworkInfo_Capability_MULTI_ROLE:
		return &f.MultiRole
	case mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT:
		return &f.ReservationRefinement
	case mesospb.FrameworkInfo_Capability_REGION_AWARE:
		return &f.RegionAware
	}
	return nil
}

// ListForFramework returns a list for FrameworkInfo.capabilities that declares types.
func ListForFramework(types ...mesospb.FrameworkInfo_Capability_Type) []*mesospb.FrameworkInfo_Capability {
	list := make([]*mesospb.FrameworkInfo_Capability, len(types))
	for i, c := range types {
		list[i] = &mesospb.FrameworkInfo_Capability{Type: c.Enum()}
	}
	return list
}

// Agent holds the capabilities that an agent declared. The zero value is an agent without any, as in the first version
// of Mesos.
//
// Mesos: protobuf::slave::Capabilities.
type Agent struct {
	MultiRole, HierarchicalRole, ReservationRefinement, ResourceProvider, ResizeVolume, OperationFeedback, AgentDraining,
	TaskResourceLimits bool
}

// OfAgent returns the capabilities that an agent declared.
func OfAgent(declared []*mesospb.SlaveInfo_Capability) (a Agent) {
	for _, c := range declared {
		if flag := a.flag(c.GetType()); flag != nil {
			*flag = true
		}
	}
	return a
}

func (a *Agent) flag(c mesospb.SlaveInfo_Capability_Type) *bool {
	switch c {
	case mesospb.SlaveInfo_Capability_MULTI_ROLE:
		return &a.MultiRole
	case mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE:
		return &a.HierarchicalRole
	case mesospb.SlaveInfo_Capability_RESERVATION_REFINEMENT:
		return &a.ReservationRefinement
	case mesospb.SlaveInfo_Capability_RESOURCE_PROVIDER:
		return &a.ResourceProvider
	case mesospb.SlaveInfo_Capability_RESIZE_VOLUME:
		return &a.ResizeVolume
	case mesospb.SlaveInfo_Capability_AGENT_OPERATION_FEEDBACK:
		return &a.OperationFeedback
	case mesospb.SlaveInfo_Capability_AGENT_DRAINING:
		return &a.AgentDraining
	case mesospb.SlaveInfo_Capability_TASK_RESOURCE_LIMITS:
		return &a.TaskResourceLimits
	}
	return nil
}

// ListForAgent returns a list for an agent's registration that declares types.
func ListForAgent(types ...mesospb.SlaveInfo_Capability_Type) []*mesospb.SlaveInfo_Capability {
	list := make([]*mesospb.SlaveInfo_Capability, len(types))
	for i, c := range types {
		list[i] = &mesospb.SlaveInfo_Capability{Type: c.Enum()}
	}
	return list
}
