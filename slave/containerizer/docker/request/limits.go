package request

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/containerizer/docker/engine"
)

// Mesos: the constants of the cgroups isolators.
const (
	sharesPerCPU = 1024
	minShares    = 2
	period       = 100_000 // microseconds
	minQuota     = 1_000   // microseconds
	megabyte     = 1 << 20
	minMemory    = 32 * megabyte
)

// Limits returns what a container may use that requested resources, and how much sooner than others it is killed when the
// memory of the machine runs out. Memory that is not limited to more than the request is limited to that.
//
// Mesos: Docker::RunOptions::create.
func Limits(requests []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar, cfs bool) (l engine.Limits, score int, err error) {
	bag := resources.FromValid(requests)
	if gpus, ok := bag.Scalar("gpus"); ok && gpus.Float() > 0 {
		return l, 0, errors.New("Attempted to allocate GPUs without Nvidia libraries available")
	}
	if cpus, ok := bag.Scalar("cpus"); ok {
		l.CPUShares = max(int64(sharesPerCPU*cpus.Float()), minShares)
		if cfs {
			l.CPUQuota = quota(cpus.Float())
		}
	}
	if cpus := limits["cpus"]; cpus != nil {
		l.CPUQuota = 0
		if !math.IsInf(cpus.GetValue(), 1) {
			l.CPUQuota = quota(cpus.GetValue())
		}
	}
	mem, requested := bag.Scalar("mem")
	request := max(int64(mem.Float()*megabyte), minMemory)
	most := limits["mem"]
	if most == nil {
		if requested {
			l.Memory = request
		}
		return l, 0, nil
	}
	unlimited := math.IsInf(most.GetValue(), 1)
	if !unlimited {
		l.Memory = max(int64(most.GetValue())*megabyte, minMemory)
	}
	if requested {
		l.MemoryReservation = request
		if unlimited || mem.Float() < math.Trunc(most.GetValue()) {
			score = oomScore(int64(mem.Float() * megabyte))
		}
	}
	return l, score, nil
}

func quota(cpus float64) int64 { return max(int64(period*cpus), minQuota) }

// oomScore returns a score that is the lower, the more memory was requested, so that those who use more than they requested
// are killed first.
//
// Mesos: calculateOOMScoreAdj.
func oomScore(request int64) int {
	var about unix.Sysinfo_t
	if err := unix.Sysinfo(&about); err != nil {
		return 999
	}
	total := int64(about.Totalram) * int64(about.Unit) //nolint:unconvert // the types differ between systems
	return int(min(max(1000-1000*request/total, 2), 999))
}
