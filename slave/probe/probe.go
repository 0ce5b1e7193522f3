// Package probe determines the resources of an agent. It takes what the operator gives, and for each of cpus, mem, disk
// and ports that was not given, what the system has, or a default if that is unknown.
//
// Only [Local] reads the real system; tests and simulations have their own [System].
package probe

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
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
	RealPath(path string) (string, error)   // without symbolic links; an error if path does not exist
	MakeDirectory(path string) error        // and its parents
	BootID() (string, error)                // differs after each boot of the system
	Networks() ([]netip.Prefix, error)      // whose addresses are all on this machine: those of its interfaces, and of its containers
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

// Found is what an agent has.
type Found struct {
	Total    resources.Resources
	Warnings []string // about what the system does not tell
}

// Resources returns the resources of the agent. GPUs must be given, as for an agent of Mesos without the isolator
// gpu/nvidia. Disks that are given must be there.
//
// Mesos: Containerizer::resources, Slave::initialize.
func Resources(g Given, s System) (Found, error) {
	total, err := resources.Parse(g.Resources, g.Role)
	if err != nil {
		return Found{}, err
	}
	given, err := names(g.Resources)
	if err != nil {
		return Found{}, err
	}
	d := detection{system: s, workDir: g.WorkDir}
	for _, missing := range []struct {
		name  string
		value func() uint64
	}{{"cpus", d.cpus}, {"mem", d.memory}, {"disk", d.disk}} {
		if given[missing.name] {
			continue
		}
		found, err := resources.Parse(missing.name+":"+strconv.FormatUint(missing.value(), 10), g.Role)
		if err != nil {
			return Found{}, err
		}
		total = total.Plus(found)
	}
	if !given["ports"] {
		found, err := resources.Parse("ports:"+defaultPorts, g.Role)
		if err != nil {
			return Found{}, err
		}
		total = total.Plus(found)
	}
	return Found{total, d.warnings}, checkDisks(total, s)
}

// Ports returns the ports of the agent.
func Ports(g Given) (resources.Ranges, error) {
	given, err := names(g.Resources)
	if err != nil {
		return resources.Ranges{}, err
	}
	text := g.Resources
	if !given["ports"] {
		text = "ports:" + defaultPorts
	}
	all, err := resources.Parse(text, g.Role)
	return all.Ranges("ports"), err
}

// Paths returns the directories of the disks of type PATH.
func Paths(g Given) ([]string, error) {
	if g.Resources == "" {
		return nil, nil
	}
	all, err := resources.Parse(g.Resources, g.Role)
	var paths []string
	for r := range all.All() {
		root := r.Disk().GetSource().GetPath().GetRoot()
		if r.DiskSource() != mesospb.Resource_DiskInfo_Source_PATH || root == "" {
			continue
		}
		if !filepath.IsAbs(root) {
			root = filepath.Join(g.WorkDir, root)
		}
		paths = append(paths, root)
	}
	return paths, err
}

// detection finds out what a system has, and takes a default for what it does not tell.
type detection struct {
	system   System
	workDir  string
	warnings []string
}

func (d *detection) failed(what string, err error, instead string) {
	d.warnings = append(d.warnings, fmt.Sprintf("failed to detect the %s, offering %s: %v", what, instead, err))
}

func (d *detection) cpus() uint64 {
	n, err := d.system.CPUs()
	if err == nil && n < 1 {
		err = fmt.Errorf("the system says that it has %d", n)
	}
	if err != nil {
		d.failed("number of cpus", err, strconv.Itoa(defaultCPUs))
		return defaultCPUs
	}
	return uint64(n)
}

// memory returns the memory to offer in megabytes. It leaves a gigabyte to the system, or half of a small memory.
func (d *detection) memory() uint64 {
	total, err := d.system.Memory()
	if err != nil {
		d.failed("size of the memory", err, "1 GB")
		return defaultMemory / megabyte
	}
	return offered(total, gigabyte)
}

// disk returns the disk to offer in megabytes. It leaves five gigabytes to the system, or half of a small disk.
func (d *detection) disk() uint64 {
	total, err := d.system.DiskSize(d.workDir)
	if err != nil {
		d.failed("size of the disk", err, "10 GB")
		return defaultDisk / megabyte
	}
	return offered(total, 5*gigabyte)
}

// offered returns what remains of total bytes for tasks, in whole megabytes: all but what the system keeps, and half if it
// keeps more than that.
func offered(total, kept uint64) uint64 {
	if total >= 2*kept {
		return (total - kept) / megabyte
	}
	return total / 2 / megabyte
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
				return fmt.Errorf("PATH disk root directory is not specified '%s'", r)
			}
			if err := s.MakeDirectory(source.GetPath().GetRoot()); err != nil {
				return fmt.Errorf("Failed to create DiskInfo path directory '%s': %w", source.GetPath().GetRoot(), err)
			}
		case mesospb.Resource_DiskInfo_Source_MOUNT:
			if source.GetMount().GetRoot() == "" {
				return fmt.Errorf("MOUNT disk root directory is not specified '%s'", r)
			}
			real, err := s.RealPath(source.GetMount().GetRoot())
			if err != nil {
				return fmt.Errorf("Failed to determine `realpath` for DiskInfo mount in resource '%s' with path '%s': %w", r, source.GetMount().GetRoot(), err)
			}
			if err := checkMounted(real, s); err != nil {
				return err
			}
		default:
			return fmt.Errorf("Unsupported 'DiskInfo.Source.Type' in '%s': %s", r, source.GetType())
		}
	}
	return nil
}

// checkMounted returns an error unless something is mounted at a path.
func checkMounted(path string, s System) error {
	mounts, err := s.Mounts()
	if err != nil {
		return fmt.Errorf("Failed to open mount table to verify mounts: %w", err)
	}
	if !slices.Contains(mounts, path) {
		return fmt.Errorf("Failed to find mount '%s' in /proc/mounts", path)
	}
	return nil
}
