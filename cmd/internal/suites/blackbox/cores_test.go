package blackbox

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A daemon that a signal ends leaves no core dump, which would have its credentials, even if the system allows core dumps; and what
// it prints does not have them.
func TestNoCoreDumps(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-in-memory"
	logs := func(t *testing.T) string { return "--log_dir=" + t.TempDir() } // what SIGQUIT has them save is there, too
	master := func(t *testing.T) *process {
		return startMaster(t, "0", t.TempDir(), logs(t), "--credentials="+write(t, "credentials", "p "+secret), "--authenticate_agents")
	}
	daemons := map[string]func(*testing.T) *process{
		"mesos-master": master,
		"mesos-agent": func(t *testing.T) *process {
			agent := startAgent(t, "0", master(t).address, t.TempDir(), logs(t), "--credential="+write(t, "credential", "p "+secret))
			agent.awaits("registered")
			return agent
		},
	}
	for name, started := range daemons {
		for _, s := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGQUIT} {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				t.Parallel()
				p := started(t)
				p.mayDumpCore()
				p.signal(s)
				p.ends()
				status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
				if status.Signaled() || status.ExitStatus() != 2 {
					t.Errorf("it ended with the wait status %#x: a program that dumps core is ended by a signal, one that does not exits with 2", status)
				}
				if !strings.Contains(p.out.String(), "goroutine ") || strings.Contains(p.out.String(), secret) {
					t.Error("it did not print its goroutines, or its secret")
				}
			})
		}
	}
}

// mayDumpCore raises the limit of the size of core dumps of a process that runs.
func (p *process) mayDumpCore() {
	p.t.Helper()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		p.t.Skip(err)
	}
	if said, err := exec.Command(prlimit, "--pid", strconv.Itoa(p.cmd.Process.Pid), "--core=unlimited").CombinedOutput(); err != nil {
		p.t.Skipf("core dumps cannot be allowed: %v\n%s", err, said)
	}
}
