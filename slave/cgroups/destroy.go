package cgroups

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"meseta/runtime"
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
	_ = g.freeze(true) // an older kernel of version 2 cannot
	all, err := g.tree()
	errs := []error{err}
	for _, one := range all {
		errs = append(errs, d.killOne(one))
	}
	for _, one := range all {
		_ = one.freeze(false) // the container may have frozen a group itself
	}
	return errors.Join(errs...)
}

func (g Group) freeze(on bool) error {
	switch {
	case g.Version == V2 && on:
		return g.Set(freeze, "1")
	case g.Version == V2:
		return g.Set(freeze, "0")
	case on:
		return g.Set(freezerState, "FROZEN")
	}
	return g.Set(freezerState, "THAWED")
}

// killOne kills the processes in the group itself. A process that is in none of this process's PID namespaces has the ID
// 0 here, which stands for others when it is signalled.
func (d Destroyer) killOne(g Group) error {
	all, err := g.Processes()
	errs := []error{err}
	for _, pid := range all {
		if pid <= 1 || pid == os.Getpid() || d.Spare != nil && d.Spare(pid) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("kill process %d in %s: %w", pid, g.Path(), err))
		}
	}
	return errors.Join(errs...)
}

// removeTree removes a group and all groups in it, as far as they have no processes.
func removeTree(g Group) error {
	all, err := g.tree()
	errs := []error{err}
	for _, one := range slices.Backward(all) {
		errs = append(errs, one.Remove())
	}
	return errors.Join(errs...)
}
