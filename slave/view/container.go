package view

import (
	"iter"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
)

// Container is the result of inspecting a container. Fields that are unknown, because it ended meanwhile, are nil.
type Container struct {
	ID       ids.Container
	Executor *mesospb.ExecutorInfo // nil if the container is not an executor's
	Usage    *mesospb.ResourceStatistics
	Status   *mesospb.ContainerStatus
}

// ContainersText returns the body of /containers.
//
// Mesos: Slave::Http::containers.
func ContainersText(all []Container) iter.Seq[[]byte] {
	return listed(all, func(c Container, o object) {
		o.Str("container_id", string(c.ID))
		c.write(o)
		if c.Status != nil {
			o.Message("status", c.Status)
		}
	})
}

// StatisticsText returns the body of /monitor/statistics.
//
// Mesos: Slave::Http::statistics.
func StatisticsText(all []Container) iter.Seq[[]byte] { return listed(all, Container.write) }

func listed(all []Container, write func(Container, object)) iter.Seq[[]byte] {
	return jsonwriter.List(func(list array) {
		for _, c := range all {
			list.Obj(func(o object) { write(c, o) })
		}
	})
}

// write writes the fields that both endpoints show.
func (c Container) write(o object) {
	o.Str("executor_id", c.Executor.GetExecutorId().GetValue())
	o.Str("executor_name", c.Executor.GetName())
	o.Str("framework_id", c.Executor.GetFrameworkId().GetValue())
	o.Str("source", c.Executor.GetSource())
	if c.Usage != nil {
		o.Message("statistics", c.Usage)
	}
}

// GetContainers returns the answer to GET_CONTAINERS.
func GetContainers(all []Container) *agentpb.Response_GetContainers {
	r := &agentpb.Response_GetContainers{}
	for _, c := range all {
		r.Containers = append(r.Containers, c.message())
	}
	return r
}

func (c Container) message() *agentpb.Response_GetContainers_Container {
	id := c.ID.Proto()
	id.Parent = nil // Mesos names a nested container by its own ID; its status has the parents
	m := &agentpb.Response_GetContainers_Container{ContainerId: id, ContainerStatus: c.Status, ResourceStatistics: c.Usage}
	if x := c.Executor; x != nil {
		m.FrameworkId, m.ExecutorId, m.ExecutorName = x.GetFrameworkId(), x.GetExecutorId(), proto.String(x.GetName())
	}
	return m
}
