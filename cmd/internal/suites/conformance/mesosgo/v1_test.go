package mesosgo

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

// The example scheduler of the HTTP API runs its tasks in its example executor, which speaks HTTP to the agent, in either
// format. It ends by itself when all have finished, always with an error: it cancels what it waits for.
func TestV1Example(t *testing.T) {
	t.Parallel()
	theirs := t.TempDir()
	local.Build(t, ".", theirs, commands+"example-scheduler", commands+"example-executor")
	for _, codec := range []string{"protobuf", "json"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			out, _ := local.Try(t, "", filepath.Join(theirs, "example-scheduler"), "-url=http://{master}/api/v1/scheduler", "-codec="+codec,
				"-executor="+filepath.Join(theirs, "example-executor"), "-exec.image=", "-tasks="+strconv.Itoa(tasks),
				"-server.port=0", "-metrics.port=0", "-verbose")
			for task := 1; task <= tasks; task++ {
				if line := fmt.Sprintf("Task %d is in state TASK_FINISHED", task); strings.Count(out, line) != 1 {
					t.Errorf("%q was not said once", line)
				}
			}
			if !strings.Contains(out, "mission accomplished") || strings.Count(out, "connecting...") != 1 {
				t.Error("the scheduler did not get to its end on one connection")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}
