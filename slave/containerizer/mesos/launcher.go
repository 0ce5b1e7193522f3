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

// Launcher starts the first process of a container, and ends whatever it has become. Its methods block.
//
// Mesos: class Launcher.
type Launcher interface {
	// Recover ends what containers of an earlier agent have left, known or not, but for those that it can take over.
	Recover(known []containerizer.Survivor) error
	// Fork starts cmd as the first process of the container.
	Fork(c *Container, cmd *exec.Cmd) error
	// Destroy kills everything that runs in the container. pid is its first process, which is not reaped yet.
	Destroy(c *Container, pid int) error
}

// posix is the [Launcher] of plain processes. Each container is a session of its own; what is to be killed is that and
// its group, the descendants of its first process, and what still carries the name of its sandbox in its environment.
//
// Mesos: PosixLauncher.
//
// Differs: Mesos loses what has left the session of an executor that died; looking at environments finds it.
type posix struct {
	workDir string             // of the agent; "": there was no earlier one
	table   *processtree.Table // of the system
}

// Recover implements [Launcher]. It takes over none: the processes of containers are not the agent's children any more.
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
	if c.Beside != nil { // the sandbox in its environment is that of another
		_, err := p.table.Signal(pid, syscall.SIGKILL)
		return err
	}
	return p.table.KillContainer(pid, c.Place.Path())
}
