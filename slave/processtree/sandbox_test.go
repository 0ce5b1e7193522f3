package processtree_test

import (
	"os/exec"
	"syscall"
	"testing"

	"meseta/slave/processtree"
)

// Processes are found by the sandbox in their environment, or by their working directory while they have no environment
// because they are executing a new program.
func TestKillSandboxed(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	start := func(where string, env ...string) *exec.Cmd {
		c := &exec.Cmd{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Dir: where, Env: append([]string{}, env...)}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	named, bare := start(elsewhere, "MESOS_SANDBOX="+dir), start(dir)
	visitor, stranger := start(dir, "HOME=/"), start(elsewhere)
	if err := processtree.KillSandboxed(func(sandbox string) bool { return sandbox == dir }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*exec.Cmd{visitor, stranger} {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	for c, want := range map[*exec.Cmd]syscall.Signal{
		named: syscall.SIGKILL, bare: syscall.SIGKILL, visitor: syscall.SIGTERM, stranger: syscall.SIGTERM,
	} {
		_ = c.Wait() // the status is checked below
		if got := c.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != want {
			t.Errorf("%v in %s ended by %v, want %v", c.Env, c.Dir, got, want)
		}
	}
}
