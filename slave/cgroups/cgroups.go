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
	"sync"
	"syscall"
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
		err = fmt.Errorf("%s has only %s; mount it as a hierarchy of version 1, or do without it", h.Path, strings.Join(strings.Fields(string(all)), ", "))
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

// turn is had by who makes or removes a group. The kernel does one at a time, whatever the hierarchy. A goroutine that waits
// here costs nothing, while each that waits in the kernel has a thread, and keeps others from looking up groups meanwhile.
var turn sync.Mutex

// Make is like [Group.Create], and succeeds if the group exists.
func (g Group) Make() error {
	err := g.Create()
	if errors.Is(err, fs.ErrExist) {
		return g.inherit()
	}
	return err
}

// Create makes the group and its parents. It fails with [fs.ErrExist] if the group exists. In a hierarchy of cpuset the group
// gets the processors and the memory of its parent, because no process can be in a group that has none.
//
// Mesos: cgroups::create.
func (g Group) Create() error {
	path := g.Path()
	err := mkdir(path)
	if err == syscall.ENOENT && path != g.Hierarchy.Path {
		if err := g.parent().Make(); err != nil {
			return err
		}
		err = mkdir(path)
	}
	if err != nil {
		return fmt.Errorf("make a cgroup: %w", &fs.PathError{Op: "mkdir", Path: path, Err: err})
	}
	return g.inherit()
}

func mkdir(path string) error {
	turn.Lock()
	defer turn.Unlock()
	return syscall.Mkdir(path, 0o755)
}

func rmdir(path string) error {
	turn.Lock()
	defer turn.Unlock()
	return syscall.Rmdir(path)
}

// parent returns the group around this one, which is that of the whole system at the end.
func (g Group) parent() Group { return Group{g.Hierarchy, filepath.Dir(filepath.Clean(g.Name))} }

// inherit gives a group what it needs of its parent's cpuset. Version 2 does so itself.
func (g Group) inherit() error {
	if g.Version == V2 || !strings.Contains(filepath.Base(g.Hierarchy.Path), "cpuset") { // see Find
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := g.Value(file)
		if err == nil && own != "" {
			continue
		}
		has, hasErr := g.parent().Value(file)
		if err := errors.Join(err, hasErr); err != nil {
			return err
		}
		if has == "" && g.parent().Name != "." {
			if err := g.parent().inherit(); err != nil {
				return err
			}
			has, _ = g.parent().Value(file)
		}
		if err := g.Set(file, has); err != nil {
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
func (g Group) Processes() ([]int, error) { return processesIn(filepath.Join(g.Path(), processes)) }

// processesIn returns the IDs in a file.
func processesIn(path string) ([]int, error) {
	text, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the processes of a cgroup: %w", err)
	}
	var all []int
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%s holds %q, which is not the ID of a process", path, field)
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
	if err := rmdir(g.Path()); err != nil && err != syscall.ENOENT {
		return fmt.Errorf("remove a cgroup: %w", &fs.PathError{Op: "rmdir", Path: g.Path(), Err: err})
	}
	return nil
}

// read reads a file. The files of groups are many and small, and no use of them blocks, so that they are opened without
// the runtime's poller, which takes four system calls more for each.
func read(path string) (content []byte, err error) {
	fd, err := openFile(path, syscall.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	content = make([]byte, 0, 512)
	for {
		content = slices.Grow(content, 512)
		n, err := ignoringInterrupts(func() (int, error) { return syscall.Read(fd, content[len(content):cap(content)]) })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return content, nil
		}
		content = content[:len(content)+n]
	}
}

// openFile opens a file. The caller closes it.
func openFile(path string, flags int) (fd int, err error) {
	fd, err = ignoringInterrupts(func() (int, error) { return syscall.Open(path, flags|syscall.O_CLOEXEC, 0) })
	if err != nil {
		err = &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, err
}

func ignoringInterrupts(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != syscall.EINTR {
			return n, err
		}
	}
}

// write sets a file of a group. It must exist: the kernel makes these files.
func write(path, text string) error {
	fd, err := openFile(path, syscall.O_WRONLY)
	if err != nil {
		return fmt.Errorf("set a cgroup: %w", err)
	}
	defer syscall.Close(fd)
	if _, err = ignoringInterrupts(func() (int, error) { return syscall.Write(fd, []byte(text)) }); err != nil {
		return fmt.Errorf("set %q in a cgroup: %w", text, &fs.PathError{Op: "write", Path: path, Err: err})
	}
	return nil
}
