package simcluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/master"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// Acknowledgements are lost three times. The agent repeats the update, each time after twice as long, and the scheduler
// hears it again; its end comes only when it is acknowledged.
func TestUpdatesAreRepeatedUntilAcknowledged(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 1})
	f := c.Framework("f1", nil)
	losses := 3
	c.World.Intercept(func(e runtime.Envelope) sim.Verdict {
		if _, ack := e.Message.(*internalpb.StatusUpdateAcknowledgementMessage); ack && e.From.ID == "master" && losses > 0 {
			losses--
			return sim.Drop
		}
		return sim.Pass
	})
	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 5", Executor: "x1"})
	c.Advance(2 * time.Minute)
	states(t, f, "t1", running, finished)
	if n := f.Tasks["t1"].Repeated; n != 3 {
		t.Errorf("updates were repeated %d times, want 3", n)
	}
	c.Quiet()
	c.Golden("lost-acknowledgements")
}

// Every message arrives twice, except for the two that their senders never repeat because they mean something else the
// second time: an offer is accepted, and an executor registers, once. No task runs twice, and none is said to end twice.
func TestEverythingIsSaidTwice(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 2})
	c.World.Intercept(func(e runtime.Envelope) sim.Verdict {
		call, _ := e.Message.(*schedulerpb.Call)
		_, registers := e.Message.(*internalpb.RegisterExecutorMessage)
		if registers || call.GetType() == schedulerpb.Call_ACCEPT {
			return sim.Pass
		}
		return sim.Repeat
	})
	f := c.Framework("f1", nil)
	f.Launch(
		simcluster.Job{ID: "t1", Program: "sleep 5", Executor: "x1"}, simcluster.Job{ID: "t2", Program: "sleep 20"},
		simcluster.Job{ID: "t3", Program: "sleep 1; exit 1", Executor: "x1"}, simcluster.Job{ID: "t4"},
	)
	c.Advance(10 * time.Second)
	f.Kill("t4")
	c.Advance(30 * time.Second)
	states(t, f, "t1", running, finished)
	states(t, f, "t2", starting, running, finished)
	states(t, f, "t3", running, failed)
	states(t, f, "t4", starting, running, killing, killed)
	c.Quiet()
}

// A slow network: between two processes messages keep their order, but those of different pairs overtake each other by
// seconds. Every task ends, once, and is told.
func TestMessagesOvertakeEachOther(t *testing.T) {
	t.Parallel()
	network := sim.DefaultNetwork
	network.MinDelay, network.MaxDelay = 0, 3*time.Second
	for seed := range uint64(8) {
		c := simcluster.New(t, simcluster.Config{Seed: seed + 1, Agents: 2, Network: &network})
		f := c.Framework("f1", nil)
		for _, id := range []string{"t1", "t2", "t3", "t4"} {
			f.Launch(
				simcluster.Job{ID: id, Program: "sleep 1", Executor: "x1"},
				simcluster.Job{ID: id + "'", Program: "sleep 1"},
			)
			c.Advance(time.Second)
		}
		c.Advance(5 * time.Minute)
		c.Quiet()
		if len(f.Order) != 8 {
			t.Errorf("seed %d: %d tasks were launched", seed, len(f.Order))
		}
		for _, id := range f.Order {
			if !f.Tasks[id].Over() {
				t.Errorf("seed %d: task %s is %v", seed, id, f.Tasks[id].States())
			}
		}
	}
}

// An offer that is not answered is rescinded, and made again.
func TestAnOfferTimesOut(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 1, Configure: func(c *master.Config) { c.OfferTimeout = 10 * time.Second }})
	f := c.Framework("f1", nil)
	f.Hold = true
	c.Advance(15 * time.Second)
	want := []string{
		"registered m1-0000 by master@10.0.0.1:5050", "offer m1-O0 of m1-S0", "rescinded m1-O0", "offer m1-O1 of m1-S0",
	}
	if heard := f.Scheduler().Scheduler.Heard; !slices.Equal(heard, want) {
		t.Errorf("the scheduler heard %q, want %q", heard, want)
	}
	c.CheckQuiet()
	c.Golden("offer-timeout")
}

// A task that ignores SIGTERM is killed when its grace period is over, one that does not at once.
func TestATaskIsKilled(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 1})
	f := c.Framework("f1", nil)
	f.Launch(
		simcluster.Job{ID: "obedient", Program: "sleep 1000", Grace: 20 * time.Second},
		simcluster.Job{ID: "stubborn", Program: "trap '' TERM; sleep 1000", Grace: 20 * time.Second},
	)
	c.Advance(time.Second)
	f.Kill("obedient")
	f.Kill("stubborn")
	c.Advance(10 * time.Second)
	states(t, f, "obedient", starting, running, killing, killed)
	states(t, f, "stubborn", starting, running, killing)
	c.Advance(15 * time.Second)
	states(t, f, "stubborn", starting, running, killing, killed)
	for task, signal := range map[string]string{"obedient": "Terminated", "stubborn": "Killed"} {
		statuses := f.Tasks["obedient"].Statuses
		if task == "stubborn" {
			statuses = f.Tasks["stubborn"].Statuses
		}
		if end := statuses[len(statuses)-1].GetMessage(); !strings.Contains(end, signal) {
			t.Errorf("%s ended with %q", task, end)
		}
	}
	c.Quiet()
	c.Golden("kill")
}

// An executor dies. Its tasks fail, and what it used is offered again.
func TestAnExecutorCrashes(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	f.Launch(simcluster.Job{ID: "t2"})
	c.Advance(time.Second)
	c.Agents[0].CrashExecutors()
	c.Advance(10 * time.Second)
	states(t, f, "t1", running, failed)
	states(t, f, "t2", starting, running, failed)
	if reason := f.Tasks["t1"].Statuses[1].GetReason(); reason != mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED {
		t.Errorf("t1 failed because of %s", reason)
	}
	c.Quiet()
	c.Golden("executor-crash")
}
