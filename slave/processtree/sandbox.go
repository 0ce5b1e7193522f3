package processtree

import (
	"errors"
	"fmt"
	"slices"
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
		env, err := p.Environ() // of processes of others it is not told
		if err != nil || !slices.ContainsFunc(env, func(v string) bool {
			name, sandbox, ok := strings.Cut(v, "=")
			return ok && name == SandboxVariable && chosen(sandbox)
		}) {
			continue
		}
		_, err = Signal(p.PID, syscall.SIGKILL)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
