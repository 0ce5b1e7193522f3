package mesos

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"meseta/messages/ids"
	"meseta/slave/containerizer/forker"
	"meseta/slave/processtree"
)

// Launcher starts the first process of a container, and kills everything that it started. Its methods block.
//
// Mesos: class Launcher.
type Launcher interface {
	// Recover kills the processes of an earlier run of the agent, except those of the given containers, each with its
	// sandbox.
	Recover(kept map[ids.Container]string) error
	// Fork starts the first process of the container.
	Fork(c *Container, cmd forker.Command) (forker.Process, error)
	// Destroy kills all processes of the container. pid is its first process. If that has ended, its ID may be that of
	// another process.
	Destroy(c *Container, pid int, ended bool) error
}

// posix is a [Launcher] of plain processes. Each container is a session of its own. Destroy kills the session, its
// group, the descendants of the first process, and processes with the container's sandbox in their environment.
//
// Mesos: SubprocessLauncher.
//
// Differs: Mesos does not find processes that left the session of an executor that died. They are found by their
// environment.
type posix struct {
	workDir string             // of the agent; "" means that there was no earlier run
	table   *processtree.Table // of the system
	forker  *forker.Forker
}

// Recover implements [Launcher].
func (p posix) Recover(kept map[ids.Container]string) error {
	if p.workDir == "" {
		return nil
	}
	sandboxes := map[string]bool{}
	for _, dir := range kept {
		sandboxes[dir] = true
	}
	executors, alone := filepath.Join(p.workDir, "slaves")+"/", filepath.Join(p.workDir, "containers")+"/"
	err := p.table.KillSandboxed(func(sandbox string) bool {
		return (strings.HasPrefix(sandbox, executors) || strings.HasPrefix(sandbox, alone)) && !sandboxes[sandbox]
	})
	if err != nil {
		return fmt.Errorf("end the containers of an earlier agent: %w", err)
	}
	return nil
}

// Fork implements [Launcher].
func (p posix) Fork(_ *Container, cmd forker.Command) (forker.Process, error) {
	return p.forker.Fork(cmd)
}

// Destroy implements [Launcher].
func (p posix) Destroy(c *Container, pid int, ended bool) error {
	switch {
	case c.Beside == nil && ended:
		return p.table.KillRest(pid, c.Place.Path())
	case c.Beside == nil:
		return p.table.KillContainer(pid, c.Place.Path())
	case ended: // its environment names the sandbox of another container
		return p.table.KillRest(pid, "")
	}
	_, err := p.table.Signal(pid, syscall.SIGKILL)
	return err
}
