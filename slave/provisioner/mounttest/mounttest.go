// Package mounttest runs tests that mount: in a namespace of their own, in which the system and other tests see nothing, and
// with which everything goes when they end.
package mounttest

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// variable is set in the process that is in a namespace of its own.
const variable = "MESETA_MOUNTTEST"

// Main runs the tests of a package, and returns the exit status for its TestMain. more are flags of unshare(2) for further
// namespaces. A user other than root gets no namespace, and has to skip what mounts.
func Main(m *testing.M, more ...uintptr) int {
	if os.Geteuid() != 0 || os.Getenv(variable) != "" {
		return m.Run()
	}
	apart := exec.Command("/proc/self/exe", os.Args[1:]...)
	apart.Stdin, apart.Stdout, apart.Stderr = os.Stdin, os.Stdout, os.Stderr
	apart.Env = append(os.Environ(), variable+"=1")
	apart.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	for _, flag := range more {
		apart.SysProcAttr.Unshareflags |= flag
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT) // the terminal sends them to both
	err := apart.Run()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return max(failed.ExitCode(), 1)
	case err != nil: // no such right
		return m.Run()
	}
	return 0
}

// Need skips a test that mounts where that is not possible.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skip("mounting needs the rights of root and a namespace")
	}
}
