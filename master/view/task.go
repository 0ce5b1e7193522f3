package view

import (
	"maps"
	"slices"

	"meseta/master/book"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

func writeTasks(o object, name string, tasks []*book.Task) {
	o.list(name, func(a array) {
		for _, t := range tasks {
			a.obj(func(o object) { writeTask(o, t) })
		}
	})
}

func writeTask(o object, t *book.Task) {
	o.str("id", string(t.ID))
	o.str("name", t.Described.GetName())
	o.str("framework_id", string(t.Framework))
	o.str("executor_id", string(t.Executor))
	o.str("slave_id", string(t.Agent))
	o.str("state", t.State.String())
	writeResources(o, "resources", t.Resources)
	if limits := t.Described.GetLimits(); len(limits) > 0 {
		o.obj("limits", func(o object) {
			for _, name := range slices.Sorted(maps.Keys(limits)) {
				o.num(name, limits[name].GetValue())
			}
		})
	}
	o.str("role", roleOf(t.Resources))
	o.list("statuses", func(a array) {
		for _, s := range t.Statuses {
			a.obj(func(o object) { writeStatus(o, s) })
		}
	})
	writeTaskExtras(o, t.Described)
}

func writeTaskExtras(o object, t *mesospb.Task) {
	if t.User != nil {
		o.str("user", t.GetUser())
	}
	if t.Labels != nil {
		writeLabels(o, t.Labels)
	}
	if t.Discovery != nil {
		o.message("discovery", t.Discovery)
	}
	if t.Container != nil {
		o.message("container", t.Container)
	}
	if t.HealthCheck != nil {
		o.message("health_check", t.HealthCheck)
	}
}

func writeStatus(o object, s *mesospb.TaskStatus) {
	o.str("state", s.GetState().String())
	o.num("timestamp", s.GetTimestamp())
	if s.Labels != nil {
		writeLabels(o, s.Labels)
	}
	if s.ContainerStatus != nil {
		o.obj("container_status", func(o object) { writeContainerStatus(o, s.ContainerStatus) })
	}
	if s.Healthy != nil {
		o.boolean("healthy", s.GetHealthy())
	}
}

func writeContainerStatus(o object, s *mesospb.ContainerStatus) {
	if s.ContainerId != nil {
		o.message("container_id", s.ContainerId)
	}
	if len(s.GetNetworkInfos()) > 0 {
		o.list("network_infos", func(a array) {
			for _, info := range s.GetNetworkInfos() {
				a.obj(func(o object) { writeNetworkInfo(o, info) })
			}
		})
	}
	if s.CgroupInfo != nil {
		o.message("cgroup_info", s.CgroupInfo)
	}
}

func writeNetworkInfo(o object, info *mesospb.NetworkInfo) {
	if len(info.GetGroups()) > 0 {
		o.strs("groups", info.GetGroups())
	}
	if info.Labels != nil {
		writeLabels(o, info.Labels)
	}
	if len(info.GetIpAddresses()) > 0 {
		o.list("ip_addresses", func(a array) {
			for _, ip := range info.GetIpAddresses() {
				a.message(ip)
			}
		})
	}
	if info.Name != nil {
		o.str("name", info.GetName())
	}
	if len(info.GetPortMappings()) > 0 {
		o.list("port_mappings", func(a array) {
			for _, p := range info.GetPortMappings() {
				a.message(p)
			}
		})
	}
}

func writeExecutor(o object, e *book.Executor) {
	o.str("executor_id", string(e.ID))
	o.str("name", e.Info.GetName())
	o.str("framework_id", string(e.Framework))
	o.obj("command", func(o object) { writeCommand(o, e.Info.GetCommand()) })
	writeResources(o, "resources", e.Resources)
	if !e.Resources.IsEmpty() {
		o.str("role", roleOf(e.Resources))
	}
	if e.Info.Labels != nil {
		writeLabels(o, e.Info.Labels)
	}
	if e.Info.Type != nil {
		o.str("type", e.Info.GetType().String())
	}
	o.str("slave_id", string(e.Agent))
}

func writeCommand(o object, c *mesospb.CommandInfo) {
	if c != nil && c.Shell != nil {
		o.boolean("shell", c.GetShell())
	}
	if c != nil && c.Value != nil {
		o.str("value", c.GetValue())
	}
	o.strs("argv", c.GetArguments())
	if c.GetEnvironment() != nil {
		o.message("environment", c.GetEnvironment())
	}
	o.list("uris", func(a array) {
		for _, uri := range c.GetUris() {
			a.obj(func(o object) {
				o.str("value", uri.GetValue())
				o.boolean("executable", uri.GetExecutable())
			})
		}
	})
}

func writeLabels(o object, labels *mesospb.Labels) {
	o.list("labels", func(a array) {
		for _, l := range labels.GetLabels() {
			a.message(l)
		}
	})
}

func roleOf(rs resources.Resources) string {
	if roles := rs.AllocationRoles(); len(roles) > 0 {
		return roles[0]
	}
	return "*"
}

// writeResources writes amounts by name: cpus, gpus, mem and disk always, ranges and sets as text. What is revocable
// has names of its own.
//
// Mesos: json(JSON::ObjectWriter*, const Resources&).
func writeResources(o object, name string, rs resources.Resources) {
	scalars := map[string]resources.Quantity{"disk": 0, "mem": 0, "gpus": 0, "cpus": 0}
	texts := map[string]string{}
	for r := range rs.All() {
		key := r.Name()
		if r.IsRevocable() {
			key += "_revocable"
		}
		switch r.Type() {
		case resources.ScalarType:
			scalars[key] += r.Scalar()
		case resources.RangesType:
			texts[key] = rs.Ranges(r.Name()).String()
		case resources.SetType:
			texts[key] = rs.Set(r.Name()).String()
		}
	}
	o.obj(name, func(o object) {
		for _, first := range []string{"disk", "mem", "gpus", "cpus"} {
			o.num(first, scalars[first].Float())
			delete(scalars, first)
		}
		for _, name := range slices.Sorted(maps.Keys(scalars)) {
			o.num(name, scalars[name].Float())
		}
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			o.str(name, texts[name])
		}
	})
}
