package forker

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"meseta/slave/processtree"
)

// CommandMounts opens the namespace of the mounts that a command sees whose executor, which sees others, is the program of a
// container. init is the ID of the container's init. The caller closes the file.
//
// The executor is a process that this init has started, and sees what the init sees; it has started another init, whose mounts are the
// command's as soon as that has started the command. Nothing that the command does makes another process look like these.
//
// Mesos: getMountNamespaceTarget.
func CommandMounts(init int) (*os.File, error) {
	before, err := processtree.Look()
	if err != nil {
		return nil, err
	}
	outer, err := os.Stat(mountsOf(init))
	if err != nil {
		return nil, err
	}
	for _, inner := range before.Processes {
		executor := parentOf(before, inner.PID)
		if parentOf(before, executor) != init || !sees(executor, outer) || sees(inner.PID, outer) {
			continue
		}
		f, err := os.Open(mountsOf(inner.PID))
		if err != nil {
			continue // it has ended
		}
		after, err := processtree.Look() // these processes are the same ones still
		if err == nil && parentOf(after, inner.PID) == executor && parentOf(after, executor) == init && hasChild(after, inner.PID) {
			return f, nil
		}
		f.Close()
	}
	return nil, errors.New("the command of the task does not run")
}

func mountsOf(pid int) string { return fmt.Sprintf("/proc/%d/ns/mnt", pid) }

// sees reports whether a process sees these mounts.
func sees(pid int, mounts os.FileInfo) bool {
	its, err := os.Stat(mountsOf(pid))
	return err == nil && os.SameFile(its, mounts)
}

// parentOf returns the parent of a process, or 0.
func parentOf(s *processtree.Snapshot, pid int) int {
	i := slices.IndexFunc(s.Processes, func(p processtree.Process) bool { return p.PID == pid })
	if i < 0 {
		return 0
	}
	return s.Processes[i].Parent
}

func hasChild(s *processtree.Snapshot, pid int) bool {
	return slices.ContainsFunc(s.Processes, func(p processtree.Process) bool { return p.Parent == pid })
}
