package view

import (
	"iter"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
)

// Container is what was found out about a container. One that ended meanwhile is shown without what it did not tell.
type Container struct {
	ID       ids.Container
	Executor *mesospb.ExecutorInfo // nil: the container is none of an executor
	Usage    *mesospb.ResourceStatistics
	Status   *mesospb.ContainerStatus
}

// ContainersText is the body of /containers.
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

// StatisticsText is the body of /monitor/statistics.
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

// write writes what both show of a container.
func (c Container) write(o object) {
	o.Str("executor_id", c.Executor.GetExecutorId().GetValue())
	o.Str("executor_name", c.Executor.GetName())
	o.Str("framework_id", c.Executor.GetFrameworkId().GetValue())
	o.Str("source", c.Executor.GetSource())
	if c.Usage != nil {
		o.Message("statistics", c.Usage)
	}
}

// GetContainers is the answer to GET_CONTAINERS.
func GetContainers(all []Container) *agentpb.Response_GetContainers {
	r := &agentpb.Response_GetContainers{}
	for _, c := range all {
		r.Containers = append(r.Containers, c.message())
	}
	return r
}

func (c Container) message() *agentpb.Response_GetContainers_Container {
	id := c.ID.Proto()
	id.Parent = nil // the reference names nested ones by their own id alone; their status has all of it
	m := &agentpb.Response_GetContainers_Container{ContainerId: id, ContainerStatus: c.Status, ResourceStatistics: c.Usage}
	if x := c.Executor; x != nil {
		m.FrameworkId, m.ExecutorId, m.ExecutorName = x.GetFrameworkId(), x.GetExecutorId(), proto.String(x.GetName())
	}
	return m
}
