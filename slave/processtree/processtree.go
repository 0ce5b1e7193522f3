// Package processtree signals a process together with all that it started.
//
// A process that wants to escape its parent can: by a new session, a new group, or a parent that ends before it. The
// tree of a process is therefore its descendants, and every process of a group or session that one of them leads.
package processtree

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/prometheus/procfs"
)

// Signal sends sig to the tree of pid, from the root down, and returns whom it was sent to. All are stopped until the
// last is found, so that none can start another meanwhile, and continued afterwards, so that they can act on the signal.
// The calling process may be the root: it comes last. A root that is gone is no error; what it led is signalled.
//
// Mesos: os::killtree with groups and sessions.
func Signal(pid int, sig syscall.Signal) ([]int, error) {
	tree, err := freeze(pid)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, p := range tree {
		if err := kill(p, sig); err != nil {
			errs = append(errs, fmt.Errorf("signal process %d: %w", p, err))
		}
	}
	for _, p := range tree {
		if p != os.Getpid() {
			_ = kill(p, syscall.SIGCONT)
		}
	}
	return tree, errors.Join(errs...)
}

// freeze stops the tree, looking again until nobody new is found. The calling process is last and keeps running.
func freeze(root int) ([]int, error) {
	var tree []int
	for {
		all, err := Snapshot()
		if err != nil {
			return nil, err
		}
		found := Tree(all, root)
		fresh := slices.DeleteFunc(slices.Clone(found), func(p int) bool { return slices.Contains(tree, p) })
		if len(fresh) == 0 {
			break
		}
		for _, p := range fresh {
			if p != os.Getpid() {
				_ = kill(p, syscall.SIGSTOP)
			}
		}
		tree = append(tree, fresh...)
	}
	if i := slices.Index(tree, os.Getpid()); i >= 0 {
		tree = append(slices.Delete(tree, i, i+1), os.Getpid())
	}
	return tree, nil
}

// kill does not mind that a process is gone.
func kill(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// Process is one line of the process table.
type Process struct{ PID, Parent, Group, Session int }

// Snapshot reads the process table, by PID. Processes that are only waited for are left out.
func Snapshot() ([]Process, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	all := make([]Process, 0, len(procs))
	for _, p := range procs {
		stat, err := p.Stat()
		if err != nil || stat.State == "Z" {
			continue // ended since
		}
		all = append(all, Process{PID: stat.PID, Parent: stat.PPID, Group: stat.PGRP, Session: stat.Session})
	}
	slices.SortFunc(all, func(a, b Process) int { return a.PID - b.PID })
	return all, nil
}

// Tree returns the tree of root within all, parents before children.
func Tree(all []Process, root int) []int {
	member := map[int]bool{root: true}
	var tree []int
	if slices.ContainsFunc(all, func(p Process) bool { return p.PID == root }) {
		tree = append(tree, root)
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !member[p.PID] && (member[p.Parent] || member[p.Group] || member[p.Session]) {
				member[p.PID] = true
				tree = append(tree, p.PID)
				grown = true
			}
		}
	}
	return tree
}
