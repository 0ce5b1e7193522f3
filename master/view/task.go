package view

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// TaskQuery selects from the tasks, sorted by the time of their first status.
type TaskQuery struct {
	Framework *ids.Framework // nil: of any
	Task      *ids.Task      // nil: any
	Offset    int            // negative: beyond all of them
	Limit     int            // negative: all
	Ascending bool           // the oldest first
}

// TasksText is the body of /tasks.
//
// Mesos: Master::ReadOnlyHandler::tasks.
func (c *Cluster) TasksText(q TaskQuery) iter.Seq[[]byte] {
	return text(func(o object) {
		o.list("tasks", func(a array) { a.tasks(c.selected(q)) })
	})
}

func (c *Cluster) selected(q TaskQuery) []*book.Facts {
	var found []*book.Facts
	for _, frameworks := range [][]*Framework{c.Frameworks, c.Completed} {
		for _, f := range frameworks {
			if q.Framework != nil && f.ID != *q.Framework {
				continue
			}
			for t := range f.All() {
				if q.Task == nil || t.ID == *q.Task {
					found = append(found, t)
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b *book.Facts) int {
		if q.Ascending {
			return cmp.Compare(since(a), since(b))
		}
		return cmp.Compare(since(b), since(a))
	})
	if q.Offset < 0 {
		return nil
	}
	found = found[min(q.Offset, len(found)):]
	if q.Limit >= 0 && q.Limit < len(found) {
		return found[:q.Limit]
	}
	return found
}

// since is the time of the first status; a task without any is the oldest.
func since(t *book.Facts) float64 {
	if len(t.Statuses) == 0 {
		return 0
	}
	return t.Statuses[0].GetTimestamp()
}

func (a array) tasks(tasks []*book.Facts) {
	for _, t := range tasks {
		if !a.task(t) {
			return
		}
	}
}

// task reports whether anybody still reads.
func (a array) task(t *book.Facts) bool {
	a.obj(func(o object) { o.remembered(&t.Memo, func(o object) { writeTask(o, t) }) })
	return !a.stopped
}

func writeTask(o object, t *book.Facts) {
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
		o.obj("container_id", func(o object) { writeContainerID(o, s.ContainerId) })
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

func writeContainerID(o object, id *mesospb.ContainerID) {
	o.str("value", id.GetValue())
	if id.Parent != nil {
		o.obj("parent", func(o object) { writeContainerID(o, id.Parent) })
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
				a.obj(func(o object) { writeAddress(o, ip) })
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

func writeAddress(o object, ip *mesospb.NetworkInfo_IPAddress) {
	o.str("protocol", ip.GetProtocol().String()) // also if it is not set: it has a default
	if ip.IpAddress != nil {
		o.str("ip_address", ip.GetIpAddress())
	}
}

func writeLabels(o object, labels *mesospb.Labels) {
	o.list("labels", func(a array) {
		for _, l := range labels.GetLabels() {
			a.message(l)
		}
	})
}
