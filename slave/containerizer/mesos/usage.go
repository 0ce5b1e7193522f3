package mesos

import (
	"github.com/prometheus/procfs"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/processtree"
)

// accounting adds up the usage of a container's processes, and reports its limits. It enforces none.
//
// Mesos: PosixCpuIsolatorProcess, PosixMemIsolatorProcess.
type accounting struct {
	Base
	table *processtree.Table
}

// Usage implements [Isolator].
func (a accounting) Usage(c *Container, pid int, u *mesospb.ResourceStatistics) error {
	all, err := a.table.Look()
	if err != nil {
		return err
	}
	var user, system float64
	var rss uint64
	for _, pid := range all.Tree(pid) {
		one, err := procfs.NewProc(pid)
		if err != nil {
			continue // it has ended meanwhile
		}
		if stat, err := one.Stat(); err == nil {
			user += float64(stat.UTime) / ticks
			system += float64(stat.STime) / ticks
			rss += uint64(stat.ResidentMemory())
		}
	}
	u.CpusUserTimeSecs, u.CpusSystemTimeSecs, u.MemRssBytes = proto.Float64(user), proto.Float64(system), proto.Uint64(rss)
	return nil
}

// ticks is the number of time units of the process table per second, which is 100 on every Linux.
const ticks = 100

// promised adds the limits of a container.
func promised(u *mesospb.ResourceStatistics, rs []*mesospb.Resource) {
	bag := resources.FromValid(rs)
	if cpus, ok := bag.Scalar("cpus"); ok {
		u.CpusSoftLimit = proto.Float64(cpus.Float())
	}
	if mem, ok := bag.Scalar("mem"); ok {
		limit := uint64(mem.Float() * (1 << 20))
		u.MemLimitBytes, u.MemSoftLimitBytes = &limit, &limit
	}
}
