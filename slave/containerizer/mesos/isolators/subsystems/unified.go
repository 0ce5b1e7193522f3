package subsystems

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos"
)

// unifiedCPU is the cpu controller of version 2.
//
// Mesos: CpuControllerProcess.
type unifiedCPU struct {
	member
	cfs, low, count bool
}

func (unifiedCPU) recover(_ cgroups.Group, x *info) error { return recoverQuota(x) }

func (s unifiedCPU) update(g cgroups.Group, x *info, requests resources.Resources, limits map[string]*mesospb.Value_Scalar) error {
	cpus, ok := requests.Scalar("cpus")
	if !ok {
		return errNoCPUs
	}
	per := weightPerCPU
	if s.low && revocable(requests) {
		per = revocableWeight
	}
	weight := min(max(uint64(float64(per)*cpus.Float()), minWeight), maxWeight)
	if err := g.Set("cpu.weight", strconv.FormatUint(weight, 10)); err != nil {
		return fmt.Errorf("Failed to update the weight: %w", err)
	}
	q, limited := quota(cpus.Float(), limits, s.cfs)
	if !limited && !x.quota { // as it is in a new group
		return nil
	}
	x.quota = true
	us := "max"
	if limited {
		us = strconv.FormatInt(q.Microseconds(), 10)
	}
	if err := g.Set("cpu.max", us+" "+strconv.FormatInt(period.Microseconds(), 10)); err != nil {
		return fmt.Errorf("Failed to update the maximum: %w", err)
	}
	return nil
}

func (s unifiedCPU) usage(g cgroups.Group, _ *info, u *mesospb.ResourceStatistics) error {
	stat, err := g.Table("cpu.stat")
	if err != nil {
		return err
	}
	seconds := func(name string) *float64 {
		return proto.Float64((time.Duration(stat[name]) * time.Microsecond).Seconds())
	}
	u.CpusUserTimeSecs, u.CpusSystemTimeSecs = seconds("user_usec"), seconds("system_usec")
	if s.cfs {
		u.CpusNrPeriods, u.CpusNrThrottled = proto.Uint32(uint32(stat["nr_periods"])), proto.Uint32(uint32(stat["nr_throttled"]))
		u.CpusThrottledTimeSecs = seconds("throttled_usec")
	}
	if s.count {
		return count(mesos.Processes(g), "cgroup.threads", u)
	}
	return nil
}

// unifiedMemory is the memory controller of version 2.
//
// Mesos: MemoryControllerProcess.
type unifiedMemory struct {
	swap bool
}

func (s unifiedMemory) prepare(g cgroups.Group, x *info) (err error) {
	x.memory, err = watchEvents(g)
	return err
}

func (s unifiedMemory) recover(g cgroups.Group, x *info) error {
	if err := s.prepare(g, x); err != nil {
		return err
	}
	x.memory.limited, x.memory.late = true, true
	return nil
}

func (s unifiedMemory) isolate(g cgroups.Group, x *info, pid int) error {
	return preferVictim(g, x, "memory.low", "memory.max", pid)
}

func (s unifiedMemory) update(g cgroups.Group, x *info, requests resources.Resources, limits map[string]*mesospb.Value_Scalar) error {
	soft, hard, err := memoryLimits(requests, limits)
	if err != nil {
		return err
	}
	if err := g.Set("memory.low", soft.text("max")); err != nil {
		return fmt.Errorf("Failed to set the soft limit: %w", err)
	}
	if x.memory.limited {
		now, err := g.Number("memory.max")
		if err != nil || uint64(hard) <= now {
			return err
		}
	}
	if err := g.Set("memory.max", hard.text("max")); err != nil {
		return fmt.Errorf("Failed to set the hard limit: %w", err)
	}
	if s.swap && g.Has("memory.swap.max") {
		if err := g.Set("memory.swap.max", "0"); err != nil {
			return fmt.Errorf("Failed to limit swap: %w", err)
		}
	}
	x.memory.limited = true
	return nil
}

func (s unifiedMemory) usage(g cgroups.Group, _ *info, u *mesospb.ResourceStatistics) error {
	total, err := g.Number("memory.current")
	if err != nil {
		return err
	}
	stat, err := g.Table("memory.stat")
	if err != nil {
		return err
	}
	value := func(name string) *uint64 { return proto.Uint64(stat[name]) }
	u.MemTotalBytes, u.MemKmemUsageBytes, u.MemKmemTcpUsageBytes = &total, value("kernel"), value("sock")
	u.MemFileBytes, u.MemCacheBytes = value("file"), value("file")
	u.MemAnonBytes, u.MemRssBytes = value("anon"), value("anon")
	u.MemMappedFileBytes, u.MemUnevictableBytes = value("file_mapped"), value("unevictable")
	if swap, err := g.Number("memory.swap.current"); err == nil {
		u.MemSwapBytes = &swap
	}
	return nil
}
