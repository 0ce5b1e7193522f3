package mesosgo

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

const tasks = 20

// The example scheduler runs its tasks in its example executor, which the agent fetches from it over HTTP, and ends by
// itself when all have finished.
func TestV0Example(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	local.Build(t, ".", bin, "github.com/mesos/mesos-go/api/v0/examples/scheduler", "github.com/mesos/mesos-go/api/v0/examples/executor")
	out := local.Run(t, "", filepath.Join(bin, "scheduler"), "-master={master}", "-executor="+filepath.Join(bin, "executor"),
		"-artifactPort="+strconv.Itoa(local.FreePort(t)), "-task-count="+strconv.Itoa(tasks), "-logtostderr=true")
	for task := 1; task <= tasks; task++ {
		if line := fmt.Sprintf("Status update: task %d  is in state  TASK_FINISHED", task); strings.Count(out, line) != 1 {
			t.Errorf("%q was not said once", line)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
