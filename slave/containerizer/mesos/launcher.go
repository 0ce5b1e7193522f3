package mesos

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"meseta/slave/containerizer"
	"meseta/slave/processtree"
)

// Launcher starts the first process of a container, and kills everything that it started. Its methods block.
//
// Mesos: class Launcher.
type Launcher interface {
	// Recover kills the processes of all containers of an earlier run of the agent that it cannot take over, known or
	// not.
	Recover(known []containerizer.Survivor) error
	// Fork starts cmd as the first process of the container.
	Fork(c *Container, cmd *exec.Cmd) error
	// Destroy kills all processes of the container. pid is its first process, which has not been reaped yet.
	Destroy(c *Container, pid int) error
}

// posix is a [Launcher] of plain processes. Each container is a session of its own. Destroy kills the session, its
// group, the descendants of the first process, and processes with the container's sandbox in their environment.
//
// Mesos: PosixLauncher.
//
// Differs: Mesos does not find processes that left the session of an executor that died. They are found by their
// environment.
type posix struct {
	workDir string             // of the agent; "" means that there was no earlier run
	table   *processtree.Table // of the system
}

// Recover implements [Launcher]. It takes over no container, because their processes are not children of the agent any
// more.
func (p posix) Recover([]containerizer.Survivor) error {
	if p.workDir == "" {
		return nil
	}
	executors, alone := filepath.Join(p.workDir, "slaves")+"/", filepath.Join(p.workDir, "containers")+"/"
	err := p.table.KillSandboxed(func(sandbox string) bool {
		return strings.HasPrefix(sandbox, executors) || strings.HasPrefix(sandbox, alone)
	})
	if err != nil {
		return fmt.Errorf("end the containers of an earlier agent: %w", err)
	}
	return nil
}

// Fork implements [Launcher].
func (posix) Fork(_ *Container, cmd *exec.Cmd) error {
	cmd.SysProcAttr.Setsid = true
	return cmd.Start()
}

// Destroy implements [Launcher].
func (p posix) Destroy(c *Container, pid int) error {
	if c.Beside != nil { // its environment names the sandbox of another container
		_, err := p.table.Signal(pid, syscall.SIGKILL)
		return err
	}
	return p.table.KillContainer(pid, c.Place.Path())
}
