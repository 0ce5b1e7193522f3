package subsystems

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/cgroups"
)

// The weights of processors, as Mesos has them.
const (
	sharesPerCPU    = 1024
	revocableShares = 10 // per CPU
	minShares       = 2
	weightPerCPU    = 100
	revocableWeight = 1 // per CPU
	minWeight       = 1
	maxWeight       = 10000
)

// The period over which the use of processors is limited, and the least limit.
const (
	period   = 100 * time.Millisecond
	minQuota = time.Millisecond
)

// errNoCPUs has Mesos's text.
var errNoCPUs = errors.New("No cpus resource given")

// cpu sets cpu.shares, and the quota of the CFS scheduler for containers with a limit.
//
// Mesos: CpuSubsystemProcess.
type cpu struct {
	member
	cfs, low bool
}

func newCPU(h cgroups.Hierarchy, o Options) (subsystem, error) {
	if o.CFS && !(cgroups.Group{Hierarchy: h, Name: "."}).Has("cpu.cfs_quota_us") {
		return nil, fmt.Errorf("Failed to find 'cpu.cfs_quota_us' in %s. Your kernel might be too old to use the CFS quota feature", h.Path)
	}
	return cpu{cfs: o.CFS, low: o.LowPriority}, nil
}

func (cpu) recover(_ cgroups.Group, x *info) error { return recoverQuota(x) }

// recoverQuota takes it that an earlier agent has limited the processors of a container.
func recoverQuota(x *info) error {
	x.quota = true
	return nil
}

func (s cpu) update(g cgroups.Group, x *info, requests resources.Resources, limits map[string]*mesospb.Value_Scalar) error {
	cpus, ok := requests.Scalar("cpus")
	if !ok {
		return errNoCPUs
	}
	per := sharesPerCPU
	if s.low && revocable(requests) {
		per = revocableShares
	}
	shares := max(uint64(float64(per)*cpus.Float()), minShares)
	if err := g.Set("cpu.shares", strconv.FormatUint(shares, 10)); err != nil {
		return fmt.Errorf("Failed to update 'cpu.shares': %w", err)
	}
	q, limited := quota(cpus.Float(), limits, s.cfs)
	if !limited && !x.quota { // as it is in a new group
		return nil
	}
	x.quota = true
	if err := g.Set("cpu.cfs_period_us", strconv.FormatInt(period.Microseconds(), 10)); err != nil {
		return fmt.Errorf("Failed to update 'cpu.cfs_period_us': %w", err)
	}
	us := "-1"
	if limited {
		us = strconv.FormatInt(q.Microseconds(), 10)
	}
	if err := g.Set("cpu.cfs_quota_us", us); err != nil {
		return fmt.Errorf("Failed to update 'cpu.cfs_quota_us': %w", err)
	}
	return nil
}

// revocable reports whether processors may be taken away.
func revocable(requests resources.Resources) bool {
	_, ok := requests.Revocable().Scalar("cpus")
	return ok
}

// quota returns the time on processors in a period, for a container that requests cpus: that of its limit, if it has one, or of its
// request if that is a limit, too (--cgroups_enable_cfs).
func quota(cpus float64, limits map[string]*mesospb.Value_Scalar, cfs bool) (q time.Duration, limited bool) {
	l := limits["cpus"]
	if l == nil && !cfs || l != nil && math.IsInf(l.GetValue(), 1) {
		return 0, false
	}
	if l != nil {
		cpus = l.GetValue()
	}
	return max(time.Duration(cpus*float64(period)), minQuota), true
}

func (s cpu) usage(g cgroups.Group, _ *info, u *mesospb.ResourceStatistics) error {
	if !s.cfs {
		return nil
	}
	stat, err := g.Table("cpu.stat")
	if err != nil {
		return err
	}
	u.CpusNrPeriods, u.CpusNrThrottled = proto.Uint32(uint32(stat["nr_periods"])), proto.Uint32(uint32(stat["nr_throttled"]))
	u.CpusThrottledTimeSecs = proto.Float64(time.Duration(stat["throttled_time"]).Seconds())
	return nil
}

// cpuacct measures the time on processors.
//
// Mesos: CpuacctSubsystemProcess.
type cpuacct struct {
	member
	count bool
}

// ticks is the number of time units of cpuacct.stat per second, which is 100 on every Linux.
const ticks = 100

func (s cpuacct) usage(g cgroups.Group, _ *info, u *mesospb.ResourceStatistics) error {
	stat, err := g.Table("cpuacct.stat")
	if err != nil {
		return err
	}
	u.CpusUserTimeSecs, u.CpusSystemTimeSecs = proto.Float64(float64(stat["user"])/ticks), proto.Float64(float64(stat["system"])/ticks)
	if s.count {
		return count(g, "tasks", u)
	}
	return nil
}

// count adds the numbers of processes and threads in a group.
func count(g cgroups.Group, threads string, u *mesospb.ResourceStatistics) error {
	for _, c := range []struct {
		file string
		to   **uint32
	}{{"cgroup.procs", &u.Processes}, {threads, &u.Threads}} {
		text, err := g.Value(c.file)
		if err != nil {
			return err
		}
		*c.to = proto.Uint32(uint32(len(strings.Fields(text))))
	}
	return nil
}
