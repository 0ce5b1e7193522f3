package simcluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/cmd/internal/simcluster"
	"meseta/messages/mesospb"
)

// TestATasksLife follows one task over scheduler, master, agent and executor, from the offer to the return of its
// resources. The conversation is testdata/life.txt. testdata/life-story.txt is the same as a tree: what the scheduler's
// acceptance of an offer led to.
func TestATasksLife(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Trace: true})
	f := c.Framework("f1", nil)
	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 10", Executor: "x1"})
	c.Advance(time.Second)
	c.Join()
	c.Advance(16 * time.Second)

	want := []mesospb.TaskState{mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED}
	if got := f.Tasks["t1"].States(); !slices.Equal(got, want) {
		t.Errorf("the scheduler heard %v, want %v", got, want)
	}
	c.CheckQuiet()
	c.Golden("life")

	accept := c.Sent("Call ACCEPT")
	for _, line := range c.Untold(accept.ID) {
		if !strings.Contains(line, "ResourceOffersMessage") && !strings.Contains(line, "Call DECLINE") {
			t.Errorf("it did not follow from the acceptance: %s", line)
		}
	}
	c.GoldenText("life-story", c.Story(accept.ID))
}
