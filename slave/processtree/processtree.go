// Package processtree signals a process together with everything that it started.
//
// A process can leave its parent: by a new session, a new process group, or a parent that ends before it. The tree of a
// process therefore consists of its descendants, and of every process in a group or session that one of them leads.
//
// A [Table] reads the system's process table once for all callers that need it at the same moment.
package processtree

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
)

// Signal sends sig to the tree of pid as [Table.Signal] does.
func Signal(pid int, sig syscall.Signal) ([]int, error) { return new(Table).Signal(pid, sig) }

// Signal sends sig to the tree of pid, from the root down, and returns the processes that it was sent to. It first
// stops all of them until it finds no more, so that none can start another one, and continues them afterwards, so that
// they can act on the signal. The root may be the calling process, which comes last. A root that has ended is not an
// error; the processes that it led are signalled.
//
// Mesos: os::killtree with groups and sessions.
func (t *Table) Signal(pid int, sig syscall.Signal) ([]int, error) {
	return t.signal(func(s *Snapshot) []int { return s.Tree(pid) }, sig)
}

// signal sends sig to the processes that find returns, until it returns no new ones.
func (t *Table) signal(find func(*Snapshot) []int, sig syscall.Signal) ([]int, error) {
	tree, err := t.freeze(find)
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

// freeze stops the processes that find returns, until it returns no new ones. The calling process is last and keeps
// running.
func (t *Table) freeze(find func(*Snapshot) []int) ([]int, error) {
	var tree []int
	for {
		s, err := t.Look()
		if err != nil {
			return nil, err
		}
		fresh := slices.DeleteFunc(find(s), func(p int) bool { return slices.Contains(tree, p) })
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

// kill sends a signal. It ignores that a process has ended. It never signals a group, all processes, or the first one.
func kill(pid int, sig syscall.Signal) error {
	if pid <= firstProcess {
		return fmt.Errorf("%d is not the ID of a process that may be signalled", pid)
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
