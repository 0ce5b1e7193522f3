package processtree

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"
)

// SandboxVariable tells a process of a container where it is, and us which container it belongs to.
const SandboxVariable = "MESOS_SANDBOX"

// KillSandboxed kills processes, with all that belongs to them, by the sandbox that their environment names. It finds
// what has left every tree.
func KillSandboxed(chosen func(sandbox string) bool) error {
	all, err := procfs.AllProcs()
	if err != nil {
		return fmt.Errorf("read the process table: %w", err)
	}
	var errs []error
	for _, p := range all {
		if sandbox := sandboxOf(p); sandbox != "" && chosen(sandbox) {
			_, err := Signal(p.PID, syscall.SIGKILL)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sandboxOf returns the sandbox that a process belongs to; "" if there is none, or it is not told. One without any
// environment, as each is for a moment while it becomes another program, belongs to where it is.
func sandboxOf(p procfs.Proc) string {
	env, err := p.Environ()
	if err != nil {
		return ""
	}
	if len(env) == 0 {
		dir, _ := p.Cwd()
		return dir
	}
	for _, v := range env {
		if name, sandbox, ok := strings.Cut(v, "="); ok && name == SandboxVariable {
			return sandbox
		}
	}
	return ""
}
