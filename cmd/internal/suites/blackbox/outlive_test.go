package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A task goes on when its agent is killed or stopped, and ends as if it had been there all the time.
func TestTaskOutlivesItsAgents(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, dir, port, g := t.TempDir(), t.TempDir(), freePort(t), newGate(t)
	agent := startAgent(t, port, m.address, work, "--runtime_dir="+dir)
	mark := fmt.Sprintf("outlives-%s", port)
	p := execute(t, m.address, "survivor", "echo "+mark+"; "+g.wait(), "--checkpoint")
	p.awaits("TASK_RUNNING")
	before := executors(t, dir)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		agent.signal(sig)
		agent.ends()
		agent = startAgent(t, port, m.address, work, "--runtime_dir="+dir)
		agent.awaits("] re-registered ")
	}
	if after := executors(t, dir); len(before) != 1 || !slices.Equal(before, after) || len(commands(t, mark)) == 0 {
		t.Errorf("the executor's process is %v, was %v; the task's are %v", after, before, commands(t, mark))
	}
	g.open(t)
	if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED") {
		t.Errorf("exit status %d", status)
	}
}

// executors returns the IDs of the processes that are recorded in a runtime directory.
func executors(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(dir + "/containers/*/pid")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		pid, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(pid))
	}
	return all
}
