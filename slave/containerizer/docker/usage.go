package docker

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/request"
	"meseta/slave/containerizer/mesos"
)

// Update changes the limits of an executor's container. Those of a task do not change.
//
// Mesos: DockerContainerizerProcess::update.
func (x *isolator) Update(c *mesos.Container, rs []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar) error {
	if c.Config.TaskInfo != nil {
		return nil
	}
	l, _, err := request.Limits(rs, limits, x.options.CFS)
	if err != nil {
		return err
	}
	if l.Memory != 0 {
		l.MemorySwap = 2 * l.Memory // which the engine does at the start
	}
	err = x.engine.Update(context.Background(), x.name(c.ID), l)
	if engine.Missing(err) { // it is not there yet, or not any more
		return nil
	}
	return err
}

// Usage measures the container.
//
// Mesos: DockerContainerizerProcess::usage.
func (x *isolator) Usage(c *mesos.Container, _ int, u *mesospb.ResourceStatistics) error {
	used, err := x.engine.Usage(context.Background(), x.name(c.ID))
	if err != nil {
		return err
	}
	seconds := func(nanoseconds uint64) *float64 { return proto.Float64(time.Duration(nanoseconds).Seconds()) }
	cpu := used.CPU
	u.CpusUserTimeSecs, u.CpusSystemTimeSecs = seconds(cpu.Usage.User), seconds(cpu.Usage.System)
	u.MemRssBytes = proto.Uint64(used.RSS())
	if x.options.CFS {
		u.CpusNrPeriods, u.CpusNrThrottled = proto.Uint32(cpu.Throttling.Periods), proto.Uint32(cpu.Throttling.Throttled)
		u.CpusThrottledTimeSecs = seconds(cpu.Throttling.Time)
	}
	x.promised(c, u)
	return nil
}

// promised corrects what the container may use: the process beside it does not count, and memory has two limits only if it
// was given one.
func (x *isolator) promised(c *mesos.Container, u *mesospb.ResourceStatistics) {
	if u.GetMemSoftLimitBytes() == u.GetMemLimitBytes() {
		u.MemSoftLimitBytes = nil
	}
	t := c.Config.GetTaskInfo()
	if t == nil {
		return
	}
	bag := resources.FromValid(t.GetResources())
	if cpus, ok := bag.Scalar("cpus"); ok {
		u.CpusSoftLimit = proto.Float64(cpus.Float())
		if x.options.CFS && t.GetLimits()["cpus"] == nil {
			u.CpusLimit = u.CpusSoftLimit
		}
	}
	if l := t.GetLimits()["cpus"]; l != nil && u.CpusLimit != nil {
		u.CpusLimit = proto.Float64(min(l.GetValue(), u.GetCpusLimit()))
	}
	mem, ok := bag.Scalar("mem")
	if !ok {
		return
	}
	bytes := uint64(mem.Float() * (1 << 20))
	if l := t.GetLimits()["mem"]; l == nil {
		u.MemLimitBytes = &bytes
	} else if u.MemSoftLimitBytes = &bytes; l.GetValue()*(1<<20) < float64(u.GetMemLimitBytes()) {
		u.MemLimitBytes = proto.Uint64(uint64(l.GetValue() * (1 << 20)))
	}
}
