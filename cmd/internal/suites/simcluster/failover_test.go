package simcluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/pb/mesospb"
)

// heard demands a callback of the newest scheduler of f.
func heard(t *testing.T, f *simcluster.Framework, line string) {
	t.Helper()
	if !slices.ContainsFunc(f.Heard(), func(l string) bool { return strings.HasPrefix(l, line) }) {
		t.Errorf("the scheduler did not hear %q but %q", line, f.Heard())
	}
}

// A scheduler that is cut off for less than its failover timeout finds its task as it was.
func TestASchedulerIsCutOffForAWhile(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	c.Partition(c.Master, f)
	c.Advance(time.Minute)
	c.Heal(c.Master, f)
	c.Advance(time.Minute)
	heard(t, f, "disconnected")
	heard(t, f, "reregistered")
	states(t, f, "t1", running)
	c.Quiet()
	c.Golden("scheduler-cut-off")
}

// One that is cut off for longer has no task any more, and is told that its time is over.
func TestASchedulerIsCutOffForTooLong(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, func(f *mesospb.FrameworkInfo) { f.FailoverTimeout = proto.Float64(60) })
	c.Partition(c.Master, f)
	c.Advance(2 * time.Minute)
	if n := len(c.Agents[0].Executors()); n != 0 {
		t.Errorf("%d executors still run", n)
	}
	c.Heal(c.Master, f)
	c.Advance(time.Minute)
	heard(t, f, `error "Framework has been removed"`)
	if f.Living() {
		t.Error("its driver has not aborted")
	}
	c.Check()
	c.Golden("scheduler-removed")
}

// Another scheduler takes over. The first is told so, and the second has the task.
func TestASchedulerIsReplaced(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	first := f.Scheduler()
	f.Start()
	c.Advance(5 * time.Second)
	if first.Failed != "Framework failed over" {
		t.Errorf("the first scheduler was told %q", first.Failed)
	}
	heard(t, f, "registered m1-0000")
	c.Quiet()
	states(t, f, "t1", running, running) // the second is what the new scheduler asked for
	f.Kill("t1")
	c.Advance(5 * time.Second)
	states(t, f, "t1", running, running, killed)
	c.CheckQuiet()
	c.Golden("scheduler-failover")
}

// A scheduler crashes, and its successor hears of what happened in between.
func TestASchedulerCrashes(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	f.Launch(simcluster.Job{ID: "t2", Program: "sleep 5"})
	c.Advance(time.Second)
	f.Crash()
	c.Advance(30 * time.Second)
	states(t, f, "t2", starting, running)
	f.Start()
	c.Advance(time.Second)
	states(t, f, "t2", starting, running, finished)
	c.Quiet()
	c.Golden("scheduler-crash")
}

// A scheduler that stops for good takes its tasks with it; one that announces a successor does not.
func TestASchedulerStops(t *testing.T) {
	t.Parallel()
	for failover, left := range map[bool]int{true: 1, false: 0} {
		c, f := withTask(t, simcluster.Config{}, nil)
		f.Scheduler().Driver.Stop(failover)
		c.Advance(10 * time.Second)
		if n := len(c.Agents[0].Executors()); n != left {
			t.Errorf("failover %t: %d executors are left, want %d", failover, n, left)
		}
		c.Check()
	}
}

// The master crashes and another one starts over its registry. Peers that follow the election register with it at once,
// and bring back all that is not in the registry: framework, agent, and what they run.
func TestTheMasterFailsOver(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{Elected: true}, nil)
	f.Launch(simcluster.Job{ID: "t2", Program: "sleep 20"})
	c.Advance(time.Second)
	c.Master.Crash()
	c.Advance(10 * time.Second)
	heard(t, f, "disconnected")
	c.Master.Start()
	c.Advance(5 * time.Second)
	heard(t, f, "registered m1-0000")
	c.CheckQuiet()
	c.Advance(20 * time.Second)
	states(t, f, "t1", running)
	states(t, f, "t2", starting, running, finished)
	c.Quiet()
	c.Golden("master-failover")
}

// Peers that know the master by its address learn of a failover only by their connections, and try again until a master answers.
// What ends in between is told then.
func TestTheMasterRestarts(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	f.Launch(simcluster.Job{ID: "t2", Program: "sleep 20"})
	c.Advance(time.Second)
	c.Master.Crash()
	c.Advance(10 * time.Second)
	c.Master.Start()
	c.Advance(2 * time.Minute)
	states(t, f, "t1", running)
	states(t, f, "t2", starting, running, finished)
	c.Quiet()
	c.Golden("master-restart")
}

// An agent does not come back to the new master. It is unreachable when its time is up, as the registry still knows it.
func TestAnAgentDoesNotComeBackToTheNewMaster(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{Elected: true}, nil)
	c.Agents[0].PowerOff()
	c.Master.Crash()
	c.Advance(10 * time.Second)
	c.Master.Start()
	c.Advance(9 * time.Minute)
	c.Master.Crash() // the next one knows as much
	c.Master.Start()
	c.Advance(11 * time.Minute)
	heard(t, f, "lost agent m1-S0")
	f.Reconcile()
	c.Advance(time.Second)
	states(t, f, "t1", running, unreachable)
	c.Agents[0].Start()
	c.Advance(10 * time.Second)
	c.Quiet()
	states(t, f, "t1", running, unreachable, failed, failed) // by the master, then by the agent
}
