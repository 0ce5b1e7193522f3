// Package perf counts events of the processors and of the kernel, such as cache-misses and page-faults, in control groups.
//
// The names of events are those of the tool perf that have a field in PerfStatistics.
//
// Mesos: perf.cpp, which runs that tool.
//
// Differs: the kernel is asked directly, so that the tool need not be installed, and names that the tool knows but PerfStatistics does
// not, such as faults for page-faults, are refused at the start instead of failing each sample.
package perf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/mesospb"
)

// Event is something that is counted.
type Event struct {
	Name   string // as it was given
	field  protoreflect.FieldDescriptor
	kind   uint32 // one of unix.PERF_TYPE
	config uint64 // which one of that kind
}

// plain has the events that are numbered, by the names of their fields.
var plain = map[string]Event{
	"cycles": hardware(unix.PERF_COUNT_HW_CPU_CYCLES), "instructions": hardware(unix.PERF_COUNT_HW_INSTRUCTIONS),
	"stalled_cycles_frontend": hardware(unix.PERF_COUNT_HW_STALLED_CYCLES_FRONTEND), "stalled_cycles_backend": hardware(unix.PERF_COUNT_HW_STALLED_CYCLES_BACKEND),
	"cache_references": hardware(unix.PERF_COUNT_HW_CACHE_REFERENCES), "cache_misses": hardware(unix.PERF_COUNT_HW_CACHE_MISSES),
	"branches": hardware(unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS), "branch_misses": hardware(unix.PERF_COUNT_HW_BRANCH_MISSES),
	"bus_cycles": hardware(unix.PERF_COUNT_HW_BUS_CYCLES), "ref_cycles": hardware(unix.PERF_COUNT_HW_REF_CPU_CYCLES),
	"cpu_clock": software(unix.PERF_COUNT_SW_CPU_CLOCK), "task_clock": software(unix.PERF_COUNT_SW_TASK_CLOCK),
	"page_faults": software(unix.PERF_COUNT_SW_PAGE_FAULTS), "minor_faults": software(unix.PERF_COUNT_SW_PAGE_FAULTS_MIN),
	"major_faults": software(unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ), "context_switches": software(unix.PERF_COUNT_SW_CONTEXT_SWITCHES),
	"cpu_migrations":   software(unix.PERF_COUNT_SW_CPU_MIGRATIONS),
	"alignment_faults": software(unix.PERF_COUNT_SW_ALIGNMENT_FAULTS), "emulation_faults": software(unix.PERF_COUNT_SW_EMULATION_FAULTS),
}

func hardware(config uint64) Event { return Event{kind: unix.PERF_TYPE_HARDWARE, config: config} }

func software(config uint64) Event { return Event{kind: unix.PERF_TYPE_SOFTWARE, config: config} }

// caches and accesses are the parts of the names of events of caches, such as l1_dcache_load_misses.
var (
	caches = map[string]uint64{
		"l1_dcache": unix.PERF_COUNT_HW_CACHE_L1D, "l1_icache": unix.PERF_COUNT_HW_CACHE_L1I, "llc": unix.PERF_COUNT_HW_CACHE_LL,
		"dtlb": unix.PERF_COUNT_HW_CACHE_DTLB, "itlb": unix.PERF_COUNT_HW_CACHE_ITLB, "branch": unix.PERF_COUNT_HW_CACHE_BPU,
		"node": unix.PERF_COUNT_HW_CACHE_NODE,
	}
	accesses = map[string]uint64{
		"loads":           unix.PERF_COUNT_HW_CACHE_OP_READ<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_ACCESS<<16,
		"load_misses":     unix.PERF_COUNT_HW_CACHE_OP_READ<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_MISS<<16,
		"stores":          unix.PERF_COUNT_HW_CACHE_OP_WRITE<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_ACCESS<<16,
		"store_misses":    unix.PERF_COUNT_HW_CACHE_OP_WRITE<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_MISS<<16,
		"prefetches":      unix.PERF_COUNT_HW_CACHE_OP_PREFETCH<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_ACCESS<<16,
		"prefetch_misses": unix.PERF_COUNT_HW_CACHE_OP_PREFETCH<<8 | unix.PERF_COUNT_HW_CACHE_RESULT_MISS<<16,
	}
)

// fields are those of PerfStatistics.
var fields = (&mesospb.PerfStatistics{}).ProtoReflect().Descriptor().Fields()

// Parse returns the events in a list that commas separate, each once, in order.
func Parse(list string) ([]Event, error) {
	events, unknown := map[string]Event{}, []string{}
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		e, ok := named(strings.ReplaceAll(strings.ToLower(name), "-", "_"))
		if e.Name = name; !ok {
			unknown = append(unknown, name)
		} else if _, given := events[string(e.field.Name())]; !given {
			events[string(e.field.Name())] = e
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("Invalid perf events: { %s }", strings.Join(unknown, ", "))
	}
	var all []Event
	for _, field := range slices.Sorted(maps.Keys(events)) {
		all = append(all, events[field])
	}
	return all, nil
}

// named returns the event of a field.
func named(field string) (Event, bool) {
	e, ok := plain[field]
	for name, cache := range caches {
		access, cut := strings.CutPrefix(field, name+"_")
		if config, found := accesses[access]; cut && found && !ok {
			e, ok = Event{kind: unix.PERF_TYPE_HW_CACHE, config: cache | config}, true
		}
	}
	e.field = fields.ByName(protoreflect.Name(field))
	return e, ok && e.field != nil
}

// Counters count the events of a control group, on each processor, from when they are opened. Its methods block.
type Counters struct {
	all map[int]Event // by open file
}

// Open begins to count events in the group of a directory, which is of the version 1 hierarchy of perf_event or of version 2. What the
// processors of this machine do not count is left out. The caller closes the counters.
func Open(dir string, events []Event, processors []int) (*Counters, error) {
	group, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(group)
	c := &Counters{all: map[int]Event{}}
	for _, e := range events {
		for _, processor := range processors {
			fd, err := e.open(group, processor)
			if err != nil && !missing(err) {
				c.Close()
				return nil, fmt.Errorf("count %s in %s: %w", e.Name, dir, os.NewSyscallError("perf_event_open", err))
			}
			if err == nil {
				c.all[fd] = e
			}
		}
	}
	return c, nil
}

// missing reports whether an error says that the processor has no such counter, or that there is no such processor any more.
func missing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV)
}

// open begins to count an event on a processor.
func (e Event) open(group, processor int) (fd int, err error) {
	return unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: e.kind, Size: unix.PERF_ATTR_SIZE_VER1, Config: e.config,
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
	}, group, processor, -1, unix.PERF_FLAG_PID_CGROUP|unix.PERF_FLAG_FD_CLOEXEC)
}

// Counts reports whether an event is counted on any processor.
func (c *Counters) Counts(e Event) bool {
	for _, counted := range c.all {
		if counted.field == e.field {
			return true
		}
	}
	return false
}

// Len returns the number of open files.
func (c *Counters) Len() int { return len(c.all) }

// Close ends the counting.
func (c *Counters) Close() {
	for fd := range c.all {
		unix.Close(fd)
	}
	clear(c.all)
}

// Read sets the fields of the events that are counted.
func (c *Counters) Read(s *mesospb.PerfStatistics) error {
	sums := map[protoreflect.FieldDescriptor]float64{}
	for fd, e := range c.all {
		n, err := value(fd)
		if err != nil {
			return fmt.Errorf("read the count of %s: %w", e.Name, err)
		}
		sums[e.field] += n
	}
	for field, n := range sums {
		if field.Kind() == protoreflect.DoubleKind { // of a clock, in milliseconds as the tool has it
			s.ProtoReflect().Set(field, protoreflect.ValueOfFloat64(n/1e6))
		} else {
			s.ProtoReflect().Set(field, protoreflect.ValueOfUint64(uint64(n)))
		}
	}
	return nil
}
