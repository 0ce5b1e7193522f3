package subsystems

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/cgroups"
)

// minMemory is the least memory of a container, as Mesos has it.
const minMemory = 32 * units.Megabyte

// infinite is the limit of memory without limit.
const infinite = memoryLimit(math.MaxUint64)

// memoryLimit is a number of bytes, or infinite.
type memoryLimit uint64

// text returns the limit as the kernel reads it; unlimited is what it calls infinite.
func (l memoryLimit) text(unlimited string) string {
	if l == infinite {
		return unlimited
	}
	return strconv.FormatUint(uint64(l), 10)
}

// memoryLimits returns the soft and the hard limit of a container.
func memoryLimits(requests resources.Resources, limits map[string]*mesospb.Value_Scalar) (soft, hard memoryLimit, err error) {
	mem, ok := requests.Scalar("mem")
	if !ok {
		return 0, 0, errors.New("No memory resource given")
	}
	soft = megabytes(mem.Float())
	if l := limits["mem"]; l != nil {
		return soft, megabytes(l.GetValue()), nil
	}
	return soft, soft, nil
}

func megabytes(n float64) memoryLimit {
	if math.IsInf(n, 1) {
		return infinite
	}
	return memoryLimit(max(units.Bytes(n*float64(units.Megabyte)), minMemory))
}

// The limits of version 1.
const (
	softLimit = "memory.soft_limit_in_bytes"
	hardLimit = "memory.limit_in_bytes"
	swapLimit = "memory.memsw.limit_in_bytes"
)

// memory limits the memory of a container: softly to what it requests, hard to its limit.
//
// Mesos: MemorySubsystemProcess.
type memory struct {
	swap  bool
	clock runtime.Clock
}

func (s memory) prepare(g cgroups.Group, x *info) (err error) {
	x.memory, err = watchOOM(g, s.clock)
	return err
}

func (s memory) recover(g cgroups.Group, x *info) error {
	if err := s.prepare(g, x); err != nil {
		return err
	}
	x.memory.limited, x.memory.late = true, true
	return nil
}

func (s memory) isolate(g cgroups.Group, x *info, pid int) error {
	return preferVictim(g, x, softLimit, hardLimit, pid)
}

// update sets the soft limit. The hard limit is only raised once it is set, since less than is in use would end the
// container.
func (s memory) update(g cgroups.Group, x *info, requests resources.Resources, limits map[string]*mesospb.Value_Scalar) error {
	soft, hard, err := memoryLimits(requests, limits)
	if err != nil {
		return err
	}
	if err := g.Set(softLimit, soft.text("-1")); err != nil {
		return fmt.Errorf("Failed to set '%s': %w", softLimit, err)
	}
	files := []string{hardLimit, swapLimit} // that with swap may not be less
	if x.memory.limited {
		now, err := g.Number(hardLimit)
		if err != nil {
			return fmt.Errorf("Failed to read '%s': %w", hardLimit, err)
		}
		if uint64(hard) <= now {
			return nil
		}
		files = []string{swapLimit, hardLimit}
	}
	for _, file := range files {
		if file == swapLimit && !s.swap {
			continue
		}
		if err := g.Set(file, hard.text("-1")); err != nil {
			return fmt.Errorf("Failed to set '%s': %w", file, err)
		}
	}
	x.memory.limited = true
	return nil
}

func (s memory) usage(g cgroups.Group, x *info, u *mesospb.ResourceStatistics) error {
	stat, err := g.Table("memory.stat")
	if err != nil {
		return err
	}
	for _, number := range []struct {
		file string
		to   **uint64
	}{
		{"memory.usage_in_bytes", &u.MemTotalBytes}, {"memory.kmem.usage_in_bytes", &u.MemKmemUsageBytes},
		{"memory.kmem.tcp.usage_in_bytes", &u.MemKmemTcpUsageBytes}, {"memory.memsw.usage_in_bytes", &u.MemTotalMemswBytes},
	} {
		if !g.Has(number.file) || number.to == &u.MemTotalMemswBytes && !s.swap {
			continue
		}
		n, err := g.Number(number.file)
		if err != nil {
			return err
		}
		*number.to = &n
	}
	value := func(name string) *uint64 { return proto.Uint64(stat["total_"+name]) }
	u.MemFileBytes, u.MemCacheBytes, u.MemAnonBytes, u.MemRssBytes = value("cache"), value("cache"), value("rss"), value("rss")
	u.MemMappedFileBytes, u.MemSwapBytes, u.MemUnevictableBytes = value("mapped_file"), value("swap"), value("unevictable")
	if err := x.memory.pressure.listen(); err != nil {
		return err
	}
	low, medium, critical := x.memory.pressure.count(0), x.memory.pressure.count(1), x.memory.pressure.count(2)
	u.MemLowPressureCounter, u.MemMediumPressureCounter, u.MemCriticalPressureCounter = low, medium, critical
	return nil
}

// preferVictim makes the system end a task first that uses more memory than it requested, when it has none left.
//
// Mesos: MemorySubsystemProcess::isolate.
func preferVictim(g cgroups.Group, x *info, softFile, hardFile string, pid int) error {
	if x.container.Config.GetTaskInfo() == nil && x.container.Parent == nil {
		return nil
	}
	soft, err := g.Number(softFile)
	if err != nil {
		return err
	}
	hard, err := g.Number(hardFile)
	if err != nil || soft >= hard {
		return err
	}
	var about unix.Sysinfo_t
	if err := unix.Sysinfo(&about); err != nil {
		return fmt.Errorf("Failed to calculate OOM score adjustment: %w", err)
	}
	total := uint64(about.Totalram) * uint64(about.Unit)
	score := 1000 - int(1000*float64(soft)/float64(total))
	err = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(strconv.Itoa(min(max(score, 2), 999))), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("Failed to set OOM score adjustment: %w", err)
	}
	return nil
}
