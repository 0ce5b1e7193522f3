// Package probe determines the resources of an agent. It takes what the operator gives, and for each of cpus, mem, disk
// and ports that was not given, what the system has, or a default if that is unknown.
//
// Only [Local] reads the real system; tests and simulations have their own [System].
package probe

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// System is the machine of an agent. Its methods may block.
type System interface {
	CPUs() (int, error)                     // that can be used
	Memory() (bytes uint64, err error)      // in total
	DiskSize(path string) (uint64, error)   // bytes of the file system that holds path
	DiskUsage(path string) (float64, error) // used share of that file system, from 0 to 1
	Mounts() ([]string, error)              // mount points
	MakeDirectory(path string) error        // and its parents
	BootID() (string, error)                // differs after each boot of the system
}

// Defaults for what the system does not tell.
const (
	gigabyte      = 1 << 30
	megabyte      = 1 << 20
	defaultCPUs   = 1
	defaultMemory = 1 * gigabyte
	defaultDisk   = 10 * gigabyte
	defaultPorts  = "[31000-32000]"
)

// Given is what the operator gives.
type Given struct {
	Resources string // text or JSON
	Role      string // of resources without a role
	WorkDir   string // on the disk that is offered
}

// Resources returns the resources of the agent. GPUs must be given, as for an agent of Mesos without the isolator
// gpu/nvidia.
//
// Mesos: Containerizer::resources.
func Resources(g Given, s System) (resources.Resources, error) {
	total, err := resources.Parse(g.Resources, g.Role)
	if err != nil {
		return total, err
	}
	given, err := names(g.Resources)
	if err != nil {
		return total, err
	}
	for _, missing := range []struct {
		name  string
		value func() string
	}{
		{"cpus", func() string { return strconv.Itoa(cpus(s)) }},
		{"mem", func() string { return strconv.FormatUint(memory(s)/megabyte, 10) }},
		{"disk", func() string { return strconv.FormatUint(disk(s, g.WorkDir)/megabyte, 10) }},
		{"ports", func() string { return defaultPorts }},
	} {
		if given[missing.name] {
			continue
		}
		found, err := resources.Parse(missing.name+":"+missing.value(), g.Role)
		if err != nil {
			return total, err
		}
		total = total.Plus(found)
	}
	return total, checkDisks(total, s)
}

func cpus(s System) int {
	n, err := s.CPUs()
	if err != nil || n < 1 {
		return defaultCPUs
	}
	return n
}

// memory returns the memory to offer in megabytes. It leaves a gigabyte to the system, or half of a small memory.
func memory(s System) uint64 {
	total, err := s.Memory()
	switch {
	case err != nil:
		return defaultMemory
	case total >= 2*gigabyte:
		return total - gigabyte
	}
	return total / 2
}

// disk returns the disk to offer in megabytes. It leaves five gigabytes to the system, or half of a small disk.
func disk(s System, workDir string) uint64 {
	total, err := s.DiskSize(workDir)
	switch {
	case err != nil:
		return defaultDisk
	case total >= 10*gigabyte:
		return total - 5*gigabyte
	}
	return total / 2
}

// names returns the names of the resources in text, including empty ones: cpus:0 means that there are none.
func names(text string) (map[string]bool, error) {
	found := map[string]bool{}
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		var array []struct{ Name string }
		if err := json.Unmarshal([]byte(text), &array); err != nil {
			return nil, fmt.Errorf("read the resources: %w", err)
		}
		for _, r := range array {
			found[r.Name] = true
		}
		return found, nil
	}
	for _, token := range strings.Split(text, ";") {
		name, _, _ := strings.Cut(token, ":")
		name, _, _ = strings.Cut(name, "(")
		found[strings.TrimSpace(name)] = true
	}
	return found, nil
}

// checkDisks creates the directories of PATH disks, and returns an error if a MOUNT disk is not a mount point.
//
// Mesos: Slave::initialize.
func checkDisks(total resources.Resources, s System) error {
	for r := range total.All() {
		source := r.Disk().GetSource()
		if source == nil {
			continue
		}
		switch source.GetType() {
		case mesospb.Resource_DiskInfo_Source_PATH:
			if source.GetPath().GetRoot() == "" {
				return fmt.Errorf("PATH disk %s has no root directory", r)
			}
			if err := s.MakeDirectory(source.GetPath().GetRoot()); err != nil {
				return fmt.Errorf("make the root of PATH disk %s: %w", r, err)
			}
		case mesospb.Resource_DiskInfo_Source_MOUNT:
			if err := checkMounted(source.GetMount().GetRoot(), s); err != nil {
				return fmt.Errorf("MOUNT disk %s: %w", r, err)
			}
		default:
			return fmt.Errorf("disk %s is of a type that an operator cannot give: %s", r, source.GetType())
		}
	}
	return nil
}

func checkMounted(root string, s System) error {
	if root == "" {
		return fmt.Errorf("no root directory")
	}
	mounts, err := s.Mounts()
	if err != nil {
		return fmt.Errorf("read the mounts: %w", err)
	}
	for _, m := range mounts {
		if m == root {
			return nil
		}
	}
	return fmt.Errorf("%s is not a mount point", root)
}
