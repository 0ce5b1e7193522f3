package blackbox

import (
	"fmt"
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
	work, state, port, g := t.TempDir(), "--runtime_dir="+t.TempDir(), freePort(t), newGate(t)
	agent := startAgent(t, port, m.address, work, state)
	mark := fmt.Sprintf("outlives-%s", port)
	p := execute(t, m.address, "survivor", "echo "+mark+"; "+g.wait(), "--checkpoint")
	p.awaits("TASK_RUNNING")
	before := commands(t, mark)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		agent.signal(sig)
		agent.ends()
		agent = startAgent(t, port, m.address, work, state)
		agent.awaits("] re-registered ")
	}
	if after := commands(t, mark); len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("the task's processes are %v, were %v", after, before)
	}
	g.open(t)
	if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED") {
		t.Errorf("exit status %d", status)
	}
	if left, _ := filepath.Glob(strings.TrimPrefix(state, "--runtime_dir=") + "/containers/*/status"); len(left) > 1 {
		t.Errorf("%v is left", left)
	}
}
