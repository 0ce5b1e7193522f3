package simcluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/sim"
	"meseta/runtime/trace"
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

// TestTheSeedDecidesEverything runs the same busy quarter of an hour again and again. The same seed gives the same
// messages at the same instants, and the same events on every node, byte for byte; another seed gives others.
func TestTheSeedDecidesEverything(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (log, events string) {
		c := simcluster.New(t, simcluster.Config{Seed: seed, Agents: 3, Trace: true, Network: &sim.DefaultNetwork, Elected: true})
		c.World.Describe(nil) // every field of every message
		f, g := c.Framework("f1", nil), c.Framework("f2", nil)
		for i := range 12 {
			f.Launch(simcluster.Job{ID: fmt.Sprint("t", i), Program: "sleep 30"})
			g.Launch(simcluster.Job{ID: fmt.Sprint("u", i), Program: "sleep 5", Executor: "x1"})
			c.Advance(10 * time.Second)
			switch i {
			case 3:
				c.Agents[0].Kill()
			case 5:
				c.Master.Crash()
				c.Master.Start()
			case 7:
				c.Agents[0].Start()
				c.Partition(c.Master, c.Agents[1])
			case 9:
				g.Crash()
				g.Start()
			}
		}
		c.Heal(c.Master, c.Agents[1])
		c.Advance(10 * time.Minute)
		return c.World.Log(), string(trace.Lines(c.Events()))
	}
	log, events := run(1)
	again, eventsAgain := run(1)
	if log != again {
		t.Errorf("the same seed made another conversation:\n%s", firstDifference(log, again))
	}
	if events != eventsAgain {
		t.Errorf("the same seed made other events:\n%s", firstDifference(events, eventsAgain))
	}
	if other, _ := run(2); other == log {
		t.Error("another seed made the same conversation")
	}
}

// firstDifference shows where two texts part.
func firstDifference(x, y string) string {
	xs, ys := strings.Split(x, "\n"), strings.Split(y, "\n")
	for i := range min(len(xs), len(ys)) {
		if xs[i] != ys[i] {
			return fmt.Sprintf("line %d of %d and %d\n%s\n%s\n%s", i+1, len(xs), len(ys), strings.Join(xs[max(0, i-3):i], "\n"), xs[i], ys[i])
		}
	}
	return "one is longer"
}
