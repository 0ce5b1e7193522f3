package simcluster_test

import (
	"maps"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/ids"
)

// A scheduler that speaks HTTP runs a task in each kind of executor: that of commands, that of groups, its own, and its own
// that speaks HTTP; it survives a new master, and takes over from itself.
func TestALifeOverHTTP(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 1})
	f := c.FrameworkOverHTTP("f1", nil)
	safe := map[ids.Task]int{} // updates that executors over HTTP may forget
	c.OnAcknowledged = func(_ ids.Agent, _ ids.Framework, task ids.Task, _ []byte) { safe[task]++ }
	f.Launch(
		simcluster.Job{ID: "command", Program: "sleep 5"},
		simcluster.Job{ID: "own", Executor: "x1", Program: "sleep 5"},
		simcluster.Job{ID: "http", Executor: "http-x2", Program: "sleep 5"},
		simcluster.Job{ID: "pod1", Pod: "pod", CPUs: 0.1, Program: "sleep 5", Beside: []simcluster.Job{{ID: "pod2", CPUs: 0.1, Program: "sleep 5"}}},
		simcluster.Job{ID: "stays", CPUs: 0.1},
	)
	c.Advance(20 * time.Second)
	states(t, f, "command", starting, running, finished)
	states(t, f, "own", running, finished)
	states(t, f, "http", running, finished)
	states(t, f, "pod1", starting, running, finished)
	states(t, f, "pod2", starting, running, finished)
	states(t, f, "stays", starting, running)
	if want := map[ids.Task]int{"http": 2, "pod1": 3, "pod2": 3}; !maps.Equal(safe, want) {
		t.Errorf("so many updates were acknowledged to executors: %v, want %v", safe, want)
	}
	c.Master.Crash()
	c.Advance(time.Second)
	c.Master.Start()
	c.Advance(2 * time.Minute)
	c.Quiet()
	f.Start()
	c.Advance(5 * time.Second)
	f.Kill("stays")
	c.Advance(10 * time.Second)
	if ends := f.Tasks["stays"].Ends(); len(ends) != 1 || ends[0] != killed {
		t.Errorf("the task that was killed has ended as %v", ends)
	}
	c.Quiet()
}
