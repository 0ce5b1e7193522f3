package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"meseta/runtime"
	"meseta/runtime/disk/descent"
)

// The files by which all processes in a group are stopped or killed.
const (
	freezerState = "freezer.state" // v1, of the hierarchy of freezer
	freeze       = "cgroup.freeze" // v2
	killAll      = "cgroup.kill"   // v2, since Linux 5.14
)

// Kernel returns the hierarchy in which groups can be frozen and killed: that of freezer, or one of version 2.
func Kernel(base string) (Hierarchy, error) {
	h, err := Find(base, "freezer")
	if err == nil {
		return h, nil
	}
	if h, none := Unified(base); none == nil {
		return h, nil
	}
	return Hierarchy{}, err
}

// Unified returns the hierarchy of version 2, which base is itself, or has in unified beside those of version 1.
func Unified(base string) (Hierarchy, error) {
	for _, dir := range []string{base, base + "/unified"} {
		if unified(dir) {
			return Hierarchy{dir, V2}, nil
		}
	}
	return Hierarchy{}, fmt.Errorf("no hierarchy of version 2 is mounted at %s or at %[1]s/unified", base)
}

// The pauses between two attempts to remove a group: processes that were killed take a moment.
const (
	shortestPause = time.Millisecond
	longestPause  = 50 * time.Millisecond
)

// Destroyer removes groups with everything in them. Its methods block.
type Destroyer struct {
	Clock   runtime.Clock
	Timeout time.Duration // after which a group that cannot be removed is given up (--cgroups_destroy_timeout)
	// Spare reports whether a process must not be killed, although a thread of it is in the group. nil means that none is.
	Spare func(pid int) bool
}

// Destroy kills the processes in a group and in all groups in it, including those that are frozen or fork on, and removes
// the groups. It succeeds if there is no such group. A group of a version 1 hierarchy without freezer is only removed,
// when its processes were killed elsewhere.
//
// Mesos: cgroups::destroy, cgroups2::destroy.
func (d Destroyer) Destroy(g Group) error {
	err := g.Remove()
	if err == nil {
		return nil
	}
	end := d.Clock.Now().Add(d.Timeout)
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		if err = errors.Join(d.kill(g), removeTree(g)); !g.Exists() {
			return nil
		}
		if d.Clock.Now().After(end) {
			return fmt.Errorf("cgroup %s not destroyed within %s: %w", g.Path(), d.Timeout, err)
		}
		passed := make(chan struct{})
		d.Clock.AfterFunc(pause, func() { close(passed) })
		<-passed
	}
}

// kill kills the processes. Processes that fork meanwhile are frozen first, so that none escapes.
func (d Destroyer) kill(g Group) error {
	if g.Version == V2 && g.Has(killAll) {
		return g.Set(killAll, "1")
	}
	if g.Version == V1 && !g.Has(freezerState) {
		return nil
	}
	_ = g.freeze() // an older kernel of version 2 cannot
	killed := g.walk(descent.Visitor{Enter: d.killIn})
	thawed := g.walk(descent.Visitor{Enter: func(dir int) error { // the container may have frozen a group itself
		_ = g.thaw(dir)
		return nil
	}})
	return errors.Join(killed, thawed)
}

// walk visits the group and all groups in it. Those that the container has made may be deeper than any path can say.
func (g Group) walk(v descent.Visitor) error {
	err := descent.Walk(g.Path(), v)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// freeze stops all processes in the group.
func (g Group) freeze() error {
	if g.Version == V2 {
		return g.Set(freeze, "1")
	}
	return g.Set(freezerState, "FROZEN")
}

// thaw has the processes of a group go on, which is open.
func (g Group) thaw(dir int) error {
	if g.Version == V2 {
		return write(in(dir, freeze), "0")
	}
	return write(in(dir, freezerState), "THAWED")
}

// in returns a path of a file in an open directory.
func in(dir int, file string) string { return fmt.Sprintf("/proc/self/fd/%d/%s", dir, file) }

// killIn kills the processes in a group itself, which is open. A process that is in none of this process's PID namespaces has the ID
// 0 here, which stands for others when it is signalled.
func (d Destroyer) killIn(dir int) error {
	all, err := processesIn(in(dir, processes))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) { // it was removed meanwhile
		return nil
	}
	errs := []error{err}
	for _, pid := range all {
		if pid <= 1 || pid == os.Getpid() || d.Spare != nil && d.Spare(pid) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}

// removeTree removes a group and all groups in it, unless one has processes.
func removeTree(g Group) error {
	below := g.walk(descent.Visitor{Leave: func(around int, name string) error {
		if err := unix.Unlinkat(around, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove a cgroup: %w", &fs.PathError{Op: "rmdir", Path: name, Err: err})
		}
		return nil
	}})
	return errors.Join(below, g.Remove())
}
