package mesos

import (
	"math"
	goruntime "runtime"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
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
	table       *processtree.Table
	cpu, memory bool // what is added up
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
	if a.cpu {
		u.CpusUserTimeSecs, u.CpusSystemTimeSecs = proto.Float64(user), proto.Float64(system)
	}
	if a.memory {
		u.MemRssBytes = proto.Uint64(rss)
	}
	return nil
}

// ticks is the number of time units of the process table per second, which is 100 on every Linux.
const ticks = 100

// promised adds what a container requested and what it may use. A container without a limit may use what the machine has.
//
// Mesos: the end of MesosContainerizerProcess::usage.
func (x *Containerizer) promised(u *mesospb.ResourceStatistics, c *container) {
	bag := resources.FromValid(c.resources)
	if cpus, ok := bag.Scalar("cpus"); ok {
		u.CpusSoftLimit = proto.Float64(cpus.Float())
		if x.hardCPUs {
			u.CpusLimit = u.CpusSoftLimit
		}
	}
	if l := c.limits["cpus"]; l != nil {
		u.CpusLimit = proto.Float64(l.GetValue())
		if math.IsInf(l.GetValue(), 1) {
			u.CpusLimit = proto.Float64(float64(goruntime.NumCPU()))
		}
	}
	if mem, ok := bag.Scalar("mem"); ok {
		soft := uint64(mem.Float() * (1 << 20))
		u.MemLimitBytes, u.MemSoftLimitBytes = &soft, &soft
	}
	if l := c.limits["mem"]; l != nil {
		u.MemLimitBytes = proto.Uint64(limitBytes(l.GetValue()))
	}
}

// limitBytes returns a limit in megabytes as bytes. An infinite one is the memory of the machine.
func limitBytes(megabytes float64) uint64 {
	if !math.IsInf(megabytes, 1) {
		return uint64(megabytes * (1 << 20))
	}
	var about unix.Sysinfo_t
	if err := unix.Sysinfo(&about); err != nil {
		return math.MaxUint64
	}
	return about.Totalram * uint64(about.Unit)
}
