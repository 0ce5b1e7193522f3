package view

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/mesosjson"
	"meseta/messages/mesospb"
)

// The JSON of the operator API for what there is thousands of. Everything else is written from its description.

func (w *writer) messageV1(m proto.Message) { w.buf = mesosjson.AppendV1(w.buf, m) }

func (o object) fieldV1(name string, m proto.Message) {
	o.key(name)
	o.messageV1(m)
}

// elementV1 writes a message, after which a piece may be given away.
func (a array) elementV1(m proto.Message) {
	a.separate()
	a.messageV1(m)
	a.pause()
}

func (o object) bytes(name string, v []byte) {
	o.key(name)
	o.buf = append(o.buf, '"')
	o.buf = base64.StdEncoding.AppendEncode(o.buf, v)
	o.buf = append(o.buf, '"')
}

// id writes an identifier, which is a message with one text.
func (o object) id(name, value string) {
	o.obj(name, func(o object) { o.str("value", value) })
}

func (a array) tasksV1(tasks []*book.Facts) {
	for _, t := range tasks {
		if !a.taskV1(t) {
			return
		}
	}
}

// taskV1 reports whether anybody still reads.
func (a array) taskV1(t *book.Facts) bool {
	a.obj(func(o object) { writeTaskV1(o, t) })
	return !a.stopped
}

func writeTaskV1(o object, t *book.Facts) {
	d := t.Described
	o.str("name", d.GetName())
	o.id("task_id", string(t.ID))
	o.id("framework_id", string(t.Framework))
	if d.ExecutorId != nil {
		o.id("executor_id", string(t.Executor))
	}
	o.id("agent_id", string(t.Agent))
	o.str("state", t.State.String())
	if len(d.GetResources()) > 0 {
		o.list("resources", func(a array) {
			for _, r := range d.GetResources() {
				a.resourceV1(r)
			}
		})
	}
	if len(t.Statuses) > 0 {
		o.list("statuses", func(a array) {
			for _, s := range t.Statuses {
				a.obj(func(o object) { writeStatusV1(o, s) })
			}
		})
	}
	if t.WasForwarded() {
		o.str("status_update_state", t.Forwarded.State.String())
		o.bytes("status_update_uuid", t.Forwarded.UUID)
	}
	writeTaskExtrasV1(o, d)
}

func writeTaskExtrasV1(o object, d *mesospb.Task) {
	if d.Labels != nil {
		o.fieldV1("labels", d.Labels)
	}
	if d.Discovery != nil {
		o.fieldV1("discovery", d.Discovery)
	}
	if d.Container != nil {
		o.fieldV1("container", d.Container)
	}
	if d.HealthCheck != nil {
		o.fieldV1("health_check", d.HealthCheck)
	}
	if d.KillPolicy != nil {
		o.fieldV1("kill_policy", d.KillPolicy)
	}
	if d.User != nil {
		o.str("user", d.GetUser())
	}
	if len(d.Limits) > 0 {
		o.obj("limits", func(o object) {
			for _, name := range slices.Sorted(maps.Keys(d.Limits)) {
				o.obj(name, func(o object) { o.num("value", d.Limits[name].GetValue()) })
			}
		})
	}
}

// resourceV1 writes a plain amount by hand, and everything else from its description.
func (a array) resourceV1(r *mesospb.Resource) {
	if r.GetType() != mesospb.Value_SCALAR || !isPlain(r) {
		a.elementV1(r)
		return
	}
	a.obj(func(o object) {
		o.str("name", r.GetName())
		o.str("type", mesospb.Value_SCALAR.String())
		o.obj("scalar", func(o object) { o.num("value", r.GetScalar().GetValue()) })
		if r.AllocationInfo != nil {
			o.obj("allocation_info", func(o object) { o.str("role", r.GetAllocationInfo().GetRole()) })
		}
	})
}

func isPlain(r *mesospb.Resource) bool {
	return r.ProviderId == nil && r.Role == nil && r.Reservation == nil && len(r.Reservations) == 0 && r.Disk == nil &&
		r.Revocable == nil && r.Shared == nil && (r.AllocationInfo == nil || r.AllocationInfo.Role != nil)
}

func writeStatusV1(o object, s *mesospb.TaskStatus) {
	o.id("task_id", s.GetTaskId().GetValue())
	o.str("state", s.GetState().String())
	if s.Message != nil {
		o.str("message", s.GetMessage())
	}
	if s.Source != nil {
		o.str("source", agentNotSlave(s.GetSource().String()))
	}
	if s.Reason != nil {
		o.str("reason", agentNotSlave(s.GetReason().String()))
	}
	if s.Data != nil {
		o.bytes("data", s.Data)
	}
	if s.SlaveId != nil {
		o.id("agent_id", s.GetSlaveId().GetValue())
	}
	if s.ExecutorId != nil {
		o.id("executor_id", s.GetExecutorId().GetValue())
	}
	if s.Timestamp != nil {
		o.num("timestamp", s.GetTimestamp())
	}
	if s.Uuid != nil {
		o.bytes("uuid", s.Uuid)
	}
	writeStatusExtrasV1(o, s)
}

func writeStatusExtrasV1(o object, s *mesospb.TaskStatus) {
	if s.Healthy != nil {
		o.boolean("healthy", s.GetHealthy())
	}
	if s.CheckStatus != nil {
		o.fieldV1("check_status", s.CheckStatus)
	}
	if s.Labels != nil {
		o.fieldV1("labels", s.Labels)
	}
	if s.ContainerStatus != nil {
		o.obj("container_status", func(o object) { writeContainerV1(o, s.ContainerStatus) })
	}
	if s.UnreachableTime != nil {
		o.fieldV1("unreachable_time", s.UnreachableTime)
	}
	if s.Limitation != nil {
		o.fieldV1("limitation", s.Limitation)
	}
}

func writeContainerV1(o object, s *mesospb.ContainerStatus) {
	if s.ContainerId != nil {
		o.obj("container_id", func(o object) { writeContainerID(o, s.ContainerId) })
	}
	if len(s.GetNetworkInfos()) > 0 {
		o.list("network_infos", func(a array) {
			for _, info := range s.GetNetworkInfos() {
				a.networkV1(info)
			}
		})
	}
	if s.CgroupInfo != nil {
		o.fieldV1("cgroup_info", s.CgroupInfo)
	}
	if s.ExecutorPid != nil {
		o.integer("executor_pid", int64(s.GetExecutorPid()))
	}
}

// networkV1 writes what only has addresses by hand.
func (a array) networkV1(info *mesospb.NetworkInfo) {
	if info.Name != nil || info.Labels != nil || len(info.Groups)+len(info.PortMappings) > 0 {
		a.elementV1(info)
		return
	}
	a.obj(func(o object) { writeNetworkInfo(o, info) })
}

// agentNotSlave is the name of v1 for an enum's value.
func agentNotSlave(name string) string {
	if strings.Contains(name, "SLAVE") {
		return strings.ReplaceAll(name, "SLAVE", "AGENT")
	}
	return name
}
