package perf

import (
	"fmt"
	"os"
	"strings"

	"meseta/slave/cgroups"
)

// name is that of the subsystem.
const name = "perf_event"

// Hierarchy returns the hierarchy in whose groups events are counted: that of version 1, or else that of version 2, where each group
// can be counted although perf_event is no controller that could be enabled.
func Hierarchy(base string) (cgroups.Hierarchy, error) {
	h, err := cgroups.Find(base, name)
	if err == nil {
		return h, nil
	}
	unified, none := cgroups.Unified(base)
	if none != nil {
		return h, err
	}
	subsystems, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return h, err
	}
	for line := range strings.Lines(string(subsystems)) {
		if fields := strings.Fields(line); len(fields) == 4 && fields[0] == name {
			if fields[1] != "0" {
				return h, fmt.Errorf("%s is mounted as a hierarchy of version 1, but not below %s", name, base)
			}
			return unified, nil
		}
	}
	return h, fmt.Errorf("the kernel has no %s", name)
}
