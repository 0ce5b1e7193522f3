package endpoint

import (
	"maps"
	"slices"

	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Task is a task as endpoints show it.
type Task struct {
	Described *mesospb.Task // the fields below replace its own, which may be older
	State     mesospb.TaskState
	Statuses  []*mesospb.TaskStatus
	Resources resources.Resources
}

// Write writes all fields of the task.
//
// Mesos: json(JSON::ObjectWriter*, const Task&).
func (t Task) Write(o jsonwriter.Object) {
	o.Str("id", t.Described.GetTaskId().GetValue())
	o.Str("name", t.Described.GetName())
	o.Str("framework_id", t.Described.GetFrameworkId().GetValue())
	o.Str("executor_id", t.Described.GetExecutorId().GetValue())
	o.Str("slave_id", t.Described.GetSlaveId().GetValue())
	o.Str("state", t.State.String())
	Resources(o, "resources", t.Resources)
	if limits := t.Described.GetLimits(); len(limits) > 0 {
		o.Obj("limits", func(o jsonwriter.Object) {
			for _, name := range slices.Sorted(maps.Keys(limits)) {
				o.Num(name, limits[name].GetValue())
			}
		})
	}
	o.Str("role", RoleOf(t.Resources))
	o.List("statuses", func(a jsonwriter.Array) {
		for _, s := range t.Statuses {
			a.Obj(func(o jsonwriter.Object) { status(o, s) })
		}
	})
	writeExtras(o, t.Described)
}

func writeExtras(o jsonwriter.Object, t *mesospb.Task) {
	if t.User != nil {
		o.Str("user", t.GetUser())
	}
	if t.Labels != nil {
		o.Shared(t.Labels, func(o jsonwriter.Object) { Labels(o, t.Labels) })
	}
	if t.Discovery != nil {
		o.Shared(t.Discovery, func(o jsonwriter.Object) { o.Message("discovery", t.Discovery) })
	}
	if t.Container != nil {
		o.Shared(t.Container, func(o jsonwriter.Object) { o.Message("container", t.Container) })
	}
	if t.HealthCheck != nil {
		o.Shared(t.HealthCheck, func(o jsonwriter.Object) { o.Message("health_check", t.HealthCheck) })
	}
}

func status(o jsonwriter.Object, s *mesospb.TaskStatus) {
	o.Str("state", s.GetState().String())
	o.Num("timestamp", s.GetTimestamp())
	if s.Labels != nil {
		Labels(o, s.Labels)
	}
	if s.ContainerStatus != nil {
		o.Obj("container_status", func(o jsonwriter.Object) { containerStatus(o, s.ContainerStatus) })
	}
	if s.Healthy != nil {
		o.Boolean("healthy", s.GetHealthy())
	}
}

func containerStatus(o jsonwriter.Object, s *mesospb.ContainerStatus) {
	if s.ContainerId != nil {
		o.Obj("container_id", func(o jsonwriter.Object) { containerID(o, s.ContainerId) })
	}
	if len(s.GetNetworkInfos()) > 0 {
		o.List("network_infos", func(a jsonwriter.Array) {
			for _, info := range s.GetNetworkInfos() {
				a.Obj(func(o jsonwriter.Object) { networkInfo(o, info) })
			}
		})
	}
	if s.CgroupInfo != nil {
		o.Message("cgroup_info", s.CgroupInfo)
	}
}

func containerID(o jsonwriter.Object, id *mesospb.ContainerID) {
	o.Str("value", id.GetValue())
	if id.Parent != nil {
		o.Obj("parent", func(o jsonwriter.Object) { containerID(o, id.Parent) })
	}
}

func networkInfo(o jsonwriter.Object, info *mesospb.NetworkInfo) {
	if len(info.GetGroups()) > 0 {
		o.Strs("groups", info.GetGroups())
	}
	if info.Labels != nil {
		Labels(o, info.Labels)
	}
	if len(info.GetIpAddresses()) > 0 {
		o.List("ip_addresses", func(a jsonwriter.Array) {
			for _, ip := range info.GetIpAddresses() {
				a.Obj(func(o jsonwriter.Object) { address(o, ip) })
			}
		})
	}
	if info.Name != nil {
		o.Str("name", info.GetName())
	}
	if len(info.GetPortMappings()) > 0 {
		o.List("port_mappings", func(a jsonwriter.Array) {
			for _, p := range info.GetPortMappings() {
				a.Message(p)
			}
		})
	}
}

func address(o jsonwriter.Object, ip *mesospb.NetworkInfo_IPAddress) {
	o.Str("protocol", ip.GetProtocol().String()) // even if it is unset, because the field has a default
	if ip.IpAddress != nil {
		o.Str("ip_address", ip.GetIpAddress())
	}
}

// Labels writes the field "labels".
func Labels(o jsonwriter.Object, labels *mesospb.Labels) {
	o.List("labels", func(a jsonwriter.Array) {
		for _, l := range labels.GetLabels() {
			a.Message(l)
		}
	})
}
