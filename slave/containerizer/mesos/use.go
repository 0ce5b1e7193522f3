package mesos

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// update tells the isolators the limits of a container, after those of earlier updates. It ignores an unknown container,
// which has just ended.
func (x *Containerizer) update(id ids.Container, rs []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar) runtime.Future[struct{}] {
	c := x.find(id)
	if c == nil || c.over {
		return runtime.Ready(struct{}{})
	}
	c.resources, c.limits = rs, limits
	update := func(struct{}, error) runtime.Future[struct{}] {
		return runtime.Go(x, func(context.Context) (struct{}, error) {
			var errs []error
			for _, isolator := range x.isolators {
				errs = append(errs, isolator.Update(&c.Container, rs, limits))
			}
			return struct{}{}, errors.Join(errs...)
		})
	}
	if c.updated.IsZero() {
		c.updated = runtime.Ready(struct{}{})
	}
	c.updated = runtime.Chain(x, c.updated, update)
	return c.updated
}

// status returns the status of a container, and waits for a process that is being started, because that may be known
// elsewhere before its start has returned. A container that has ended has only its ID, and so has the last status of a
// task in a nested container.
//
// Mesos: MesosContainerizerProcess::status.
func (x *Containerizer) status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	c := x.find(id)
	if c == nil || c.over {
		return runtime.Failed[*mesospb.ContainerStatus](containerizer.ErrUnknown)
	}
	if _, prepared, _ := c.prepared.Peek(); c.process == nil && !prepared {
		return runtime.Ready(&mesospb.ContainerStatus{ContainerId: id.Proto()})
	}
	return runtime.Then(c.starting, func(started *process) (*mesospb.ContainerStatus, error) {
		s := &mesospb.ContainerStatus{ContainerId: id.Proto(), ExecutorPid: proto.Uint32(uint32(started.pid()))}
		for _, n := range x.networkers {
			s.NetworkInfos = append(s.NetworkInfos, n.Networks(&c.Container)...)
		}
		if c.Class != 0 {
			s.CgroupInfo = &mesospb.CgroupInfo{NetCls: &mesospb.CgroupInfo_NetCls{Classid: proto.Uint32(c.Class)}}
		}
		return s, nil
	})
}

func (x *Containerizer) usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	c := x.find(id)
	if c == nil || c.process == nil || c.over {
		return runtime.Failed[*mesospb.ResourceStatistics](containerizer.ErrUnknown)
	}
	u := &mesospb.ResourceStatistics{Timestamp: proto.Float64(float64(x.Now().UnixNano()) / 1e9)}
	x.promised(u, c)
	pid := c.process.pid()
	return runtime.Go(x, func(context.Context) (*mesospb.ResourceStatistics, error) {
		var errs []error
		for _, isolator := range x.isolators {
			errs = append(errs, isolator.Usage(&c.Container, pid, u))
		}
		return u, errors.Join(errs...)
	})
}
