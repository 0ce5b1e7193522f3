package subsystems

import (
	"fmt"
	"slices"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/cgroups"
	"meseta/slave/perf"
)

// Prefix begins the names of the isolators of this package.
const Prefix = "cgroups/"

// of has the subsystems of each isolator.
var of = map[string][]string{
	"blkio": {"blkio"}, "cpu": {"cpu", "cpuacct"}, "cpuset": {"cpuset"}, "devices": {"devices"}, "hugetlb": {"hugetlb"},
	"mem": {"memory"}, "net_cls": {"net_cls"}, "net_prio": {"net_prio"}, "perf_event": {"perf_event"}, "pids": {"pids"},
}

// choose returns the subsystems of isolators, in order.
func choose(names []string, o Options) ([]string, error) {
	var all []string
	for _, name := range names {
		name = strings.TrimPrefix(name, Prefix)
		if name == "all" {
			return mounted(o), nil
		}
		subsystems, ok := of[name]
		if !ok {
			return nil, fmt.Errorf("Unknown or unsupported isolator 'cgroups/%s'", name)
		}
		all = append(all, subsystems...)
	}
	slices.Sort(all)
	return all, nil
}

// mounted returns all subsystems that the system has. Groups of version 2 for perf_event, which need no controller, are of use only if
// events are counted.
func mounted(o Options) []string {
	var all []string
	for _, subsystems := range of {
		for _, name := range subsystems {
			h, err := find(o.Base, name)
			if err == nil && name == deviceSubsystem && h.Version == cgroups.V2 {
				_, err = newUnifiedDevices(nil)
			}
			if useless := name == eventSubsystem && h.Version == cgroups.V2 && o.Sampling.Events == ""; err == nil && !useless {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// controller returns the name of a subsystem in version 2.
func controller(name string) string {
	switch name {
	case "blkio":
		return "io"
	case "cpuacct": // each group of version 2 counts the time of its processes
		return "cpu"
	}
	return name
}

// The subsystems that are no controllers in version 2, where each group can have programs for devices and be counted in.
const (
	deviceSubsystem = "devices"
	eventSubsystem  = "perf_event"
)

// find returns the hierarchy of a subsystem, whose name depends on the version.
func find(base, name string) (cgroups.Hierarchy, error) {
	if name == eventSubsystem {
		return perf.Hierarchy(base)
	}
	h, err := cgroups.Find(base, name)
	if err != nil && name == deviceSubsystem {
		return cgroups.Unified(base)
	}
	if err == nil && h.Version == cgroups.V1 || controller(name) == name {
		return h, err
	}
	h, other := cgroups.Find(base, controller(name))
	if other == nil && h.Version == cgroups.V1 {
		return h, err
	}
	return h, other
}

// create returns the subsystem of a hierarchy.
func create(name string, h cgroups.Hierarchy, o Options) (subsystem, error) {
	if name == eventSubsystem {
		return newPerfEvent(h, o)
	}
	if h.Version == cgroups.V2 {
		return createUnified(name, o)
	}
	switch name {
	case "blkio":
		return blkio{}, nil
	case "cpu":
		return newCPU(h, o)
	case "cpuacct":
		return cpuacct{count: o.Count}, nil
	case "devices":
		return newDevices(o.Devices)
	case "memory":
		return memory{swap: o.LimitSwap, clock: o.Destroyer.Clock}, nil
	case "net_cls":
		return newNetCls(o.Classes)
	}
	return member{}, nil
}

func createUnified(name string, o Options) (subsystem, error) {
	switch name {
	case "cpu":
		return unifiedCPU{cfs: o.CFS, low: o.LowPriority, count: o.Count}, nil
	case "memory":
		return unifiedMemory{swap: o.LimitSwap}, nil
	case "devices":
		return newUnifiedDevices(o.Devices)
	}
	return member{}, nil
}

// member is a subsystem whose groups only hold their processes. It is for embedding by others.
type member struct{}

func (member) prepare(cgroups.Group, *info) error { return nil }

func (member) recover(cgroups.Group, *info) error { return nil }

func (member) isolate(cgroups.Group, *info, int) error { return nil }

func (member) update(cgroups.Group, *info, resources.Resources, map[string]*mesospb.Value_Scalar) error {
	return nil
}

func (member) usage(cgroups.Group, *info, *mesospb.ResourceStatistics) error { return nil }

// Known reports whether an isolator of that name, such as cgroups/cpu, exists.
func Known(name string) bool {
	name = strings.TrimPrefix(name, Prefix)
	return name == "all" || of[name] != nil
}
