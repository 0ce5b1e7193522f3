// Package cgroups finds the hierarchies of control groups that a system has mounted, makes groups there, and puts processes
// into them. Isolators limit containers with it, and [Agent] gives the agent groups of its own.
//
// Everything is a file below one directory, usually /sys/fs/cgroup, so that tests can have a tree of their own.
package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The files of groups. Those of limits belong to the isolators that set them.
const (
	processes   = "cgroup.procs"           // IDs of the processes in the group; writing one moves it there
	controllers = "cgroup.controllers"     // v2: what may be enabled for the children
	enabled     = "cgroup.subtree_control" // v2: what is
)

// Version is the version of an interface to control groups.
type Version int

// The versions. A system may have both ("hybrid"), each controller in one of them.
const (
	V1 Version = 1 + iota
	V2
)

// Hierarchy is a mounted tree of groups.
type Hierarchy struct {
	Path    string // its mount point
	Version Version
}

// Find returns the hierarchy of a subsystem, such as cpu, below base, where the system has mounted its hierarchies. base may
// itself be a hierarchy of version 2, or have one in unified beside those of version 1.
//
// Differs: Mesos looks for a hierarchy of version 1 wherever it is mounted, and mounts it if it is not.
func Find(base, subsystem string) (Hierarchy, error) {
	if subsystem == "" || strings.ContainsAny(subsystem, "/,") || strings.HasPrefix(subsystem, ".") {
		return Hierarchy{}, fmt.Errorf("%q is not the name of a subsystem, such as cpu", subsystem)
	}
	if unified(base) {
		return offering(Hierarchy{base, V2}, subsystem)
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		return Hierarchy{}, fmt.Errorf("find the subsystem %s: %w", subsystem, err)
	}
	for _, e := range entries { // several may be mounted together, as in cpu,cpuacct
		dir := filepath.Join(base, e.Name())
		if slices.Contains(strings.Split(e.Name(), ","), subsystem) && exists(filepath.Join(dir, processes)) {
			return Hierarchy{dir, V1}, nil
		}
	}
	if both := filepath.Join(base, "unified"); unified(both) {
		return offering(Hierarchy{both, V2}, subsystem)
	}
	return Hierarchy{}, fmt.Errorf("subsystem %s is not mounted below %s", subsystem, base)
}

func unified(dir string) bool { return exists(filepath.Join(dir, controllers)) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// offering returns a hierarchy of version 2 if it has a controller.
func offering(h Hierarchy, controller string) (Hierarchy, error) {
	all, err := os.ReadFile(filepath.Join(h.Path, controllers))
	if err == nil && !slices.Contains(strings.Fields(string(all)), controller) {
		err = fmt.Errorf("%s has only %s", h.Path, strings.Join(strings.Fields(string(all)), ", "))
	}
	if err != nil {
		return Hierarchy{}, fmt.Errorf("controller %s cannot be used: %w", controller, err)
	}
	return h, nil
}

// Group is a group of a hierarchy, by its path there.
type Group struct {
	Hierarchy
	Name string
}

// Path returns the directory of the group.
func (g Group) Path() string { return filepath.Join(g.Hierarchy.Path, g.Name) }

// Make makes the group and its parents. It succeeds if they exist. In a hierarchy of cpuset the group gets the processors
// and the memory of its parent, because no process can be in a group that has none.
//
// Mesos: cgroups::create.
func (g Group) Make() error {
	path := g.Hierarchy.Path
	for _, name := range strings.Split(filepath.Clean(g.Name), string(filepath.Separator)) {
		parent := path
		path = filepath.Join(path, name)
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		if err := inherit(parent, path); err != nil {
			return err
		}
	}
	return nil
}

// inherit gives a group what it needs of its parent's cpuset. Version 2 does so itself.
func inherit(parent, group string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		has, err := os.ReadFile(filepath.Join(parent, file))
		if errors.Is(err, fs.ErrNotExist) || unified(parent) {
			return nil
		}
		own, ownErr := os.ReadFile(filepath.Join(group, file))
		if err := errors.Join(err, ownErr); err != nil {
			return fmt.Errorf("read what a cgroup may use: %w", err)
		}
		if strings.TrimSpace(string(own)) != "" {
			continue
		}
		if err := write(filepath.Join(group, file), strings.TrimSpace(string(has))); err != nil {
			return err
		}
	}
	return nil
}

// Enable makes controllers available to the children of the group, which must be of version 2.
func (g Group) Enable(names ...string) error {
	return write(filepath.Join(g.Path(), enabled), "+"+strings.Join(names, " +"))
}

// Processes returns the IDs of the processes in the group itself.
func (g Group) Processes() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(g.Path(), processes))
	if err != nil {
		return nil, fmt.Errorf("read the processes of a cgroup: %w", err)
	}
	var all []int
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%s holds %q, which is not the ID of a process", filepath.Join(g.Path(), processes), field)
		}
		all = append(all, pid)
	}
	return all, nil
}

// Add moves a process with all its threads into the group.
func (g Group) Add(pid int) error {
	return write(filepath.Join(g.Path(), processes), strconv.Itoa(pid))
}

// Remove removes the group, which must have neither processes nor children.
func (g Group) Remove() error {
	if err := os.Remove(g.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a cgroup: %w", err)
	}
	return nil
}

// write sets a file of a group. It must exist: the kernel makes these files.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set a cgroup: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set %q in a cgroup: %w", text, err)
	}
	return nil
}
