package simcluster_test

import (
	"slices"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

const (
	starting    = mesospb.TaskState_TASK_STARTING
	running     = mesospb.TaskState_TASK_RUNNING
	finished    = mesospb.TaskState_TASK_FINISHED
	failed      = mesospb.TaskState_TASK_FAILED
	killing     = mesospb.TaskState_TASK_KILLING
	killed      = mesospb.TaskState_TASK_KILLED
	lost        = mesospb.TaskState_TASK_LOST
	unreachable = mesospb.TaskState_TASK_UNREACHABLE
	dropped     = mesospb.TaskState_TASK_DROPPED
	gone        = mesospb.TaskState_TASK_GONE
)

// pingTimeout is how long a master takes to give up an agent that says nothing: five pings unanswered, one every 15
// seconds, the first of which may just have been answered.
const pingTimeout = 6 * 15 * time.Second

// states demands what a framework has heard of a task.
func states(t *testing.T, f *simcluster.Framework, task ids.Task, want ...mesospb.TaskState) {
	t.Helper()
	if got := f.Tasks[task].States(); !slices.Equal(got, want) {
		t.Errorf("%s heard %v of %s, want %v", f.Name, got, task, want)
	}
}

// withTask is a cluster of one agent that runs the endless task t1 of f1 in the framework's executor x1.
func withTask(t *testing.T, config simcluster.Config, change func(*mesospb.FrameworkInfo)) (*simcluster.Cluster, *simcluster.Framework) {
	t.Helper()
	config.Agents = max(config.Agents, 1)
	c := simcluster.New(t, config)
	f := c.Framework("f1", change)
	f.Launch(simcluster.Job{ID: "t1", Executor: "x1"})
	c.Advance(time.Second)
	states(t, f, "t1", running)
	return c, f
}

// An agent is killed (kill -9) while it runs a task. When it has missed its pings it is unreachable, and so is the task.
// It comes back under its id and with the task, which goes on: the framework hears that, and again when it asks.
func TestAnAgentCrashes(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	c.Agents[0].Kill()
	c.Advance(pingTimeout)
	states(t, f, "t1", running, unreachable)
	c.Agents[0].Start()
	c.Advance(5 * time.Second)
	c.Quiet()
	states(t, f, "t1", running, unreachable, running, running)
	c.Golden("agent-crash")
}

// The agent comes back before anybody has missed it, and so does the task: the framework hears nothing.
func TestAnAgentRestarts(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	c.Agents[0].Kill()
	c.Advance(10 * time.Second)
	c.Agents[0].Start()
	c.Advance(5 * time.Second)
	states(t, f, "t1", running)
	c.Quiet()
	c.Golden("agent-restart")
}

// A framework that is not partition-aware hears TASK_LOST; one that wants no checkpoints does so at once when the
// connection breaks. A task of theirs that is lost is lost for good: it does not go on in silence.
func TestAnAgentCrashesUnderFrameworksOfOld(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]func(*mesospb.FrameworkInfo){
		"not partition-aware": func(f *mesospb.FrameworkInfo) { f.Capabilities = f.Capabilities[:1] },
		"no checkpoints":      func(f *mesospb.FrameworkInfo) { f.Checkpoint = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := withTask(t, simcluster.Config{}, old)
			c.Agents[0].Kill()
			c.Advance(pingTimeout)
			states(t, f, "t1", running, lost)
			c.Agents[0].Start()
			c.Advance(5 * time.Second)
			c.Quiet()
		})
	}
}

// A partition between master and agent that is shorter than the pings' patience costs a task nothing.
func TestAShortPartitionFromTheMaster(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	c.Partition(c.Master, c.Agents[0])
	c.Advance(pingTimeout / 2)
	c.Heal(c.Master, c.Agents[0])
	c.Advance(pingTimeout)
	states(t, f, "t1", running)
	c.Quiet()
	c.Golden("partition-short")
}

// A longer one makes agent and task unreachable. When it is healed, the task turns out to have been running all along.
func TestALongPartitionFromTheMaster(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	c.Partition(c.Master, c.Agents[0])
	c.Advance(pingTimeout)
	states(t, f, "t1", running, unreachable)
	c.Heal(c.Master, c.Agents[0])
	c.Advance(time.Minute)
	states(t, f, "t1", running, unreachable, running)
	c.Quiet()
	c.Golden("partition-long")
}

// What ends during a partition is told when it is healed.
func TestATaskEndsDuringAPartition(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Agents: 1})
	f := c.Framework("f1", nil)
	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 60"})
	c.Advance(time.Second)
	c.Partition(c.Master, c.Agents[0])
	c.Advance(pingTimeout)
	states(t, f, "t1", starting, running, unreachable)
	c.Heal(c.Master, c.Agents[0])
	c.Advance(time.Minute)
	states(t, f, "t1", starting, running, unreachable, finished, finished) // by the master, then by the agent
	c.Quiet()
}

// SIGUSR1: the agent unregisters, ends what it runs, and exits. It comes back as another.
func TestAnAgentIsShutDown(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, nil)
	f.Launch(simcluster.Job{ID: "t2"})
	c.Advance(time.Second)
	states(t, f, "t2", starting, running)
	c.Agents[0].Shutdown()
	c.Advance(20 * time.Second)
	if c.Agents[0].Living() || len(c.Agents[0].Executors()) > 0 {
		t.Errorf("the agent lives: %t; its executors: %v", c.Agents[0].Living(), c.Agents[0].Executors())
	}
	states(t, f, "t1", running, lost)
	states(t, f, "t2", starting, running, lost)
	c.Agents[0].Start()
	c.Advance(5 * time.Second)
	c.Quiet()
	c.Golden("agent-shutdown")
}

// A machine loses its power: nothing of it says good-bye.
func TestAMachineIsLost(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{Agents: 1}, nil)
	other := c.Join()
	f.Launch(simcluster.Job{ID: "t2", CPUs: 4, Executor: ""})
	c.Advance(5 * time.Second)
	states(t, f, "t2", starting, running)
	c.Agents[0].PowerOff()
	c.Advance(pingTimeout)
	states(t, f, "t1", running, unreachable)
	states(t, f, "t2", starting, running)
	c.Agents[0].Start()
	c.Advance(5 * time.Second)
	c.Quiet()
	if n := len(other.Executors()); n != 1 {
		t.Errorf("the other agent has %d executors", n)
	}
}

// What a framework without checkpoints runs is lost as soon as its agent's connection breaks. When the agent turns out to
// be alive, what it still runs of that framework is ended: it was taken for lost, and what it uses is offered again.
func TestTasksWithoutCheckpointsAreEndedWhenTheirAgentComesBack(t *testing.T) {
	t.Parallel()
	c, f := withTask(t, simcluster.Config{}, func(f *mesospb.FrameworkInfo) { f.Checkpoint = nil })
	f.Launch(simcluster.Job{ID: "t2"})
	c.Advance(time.Second)
	c.Partition(c.Master, c.Agents[0])
	c.Advance(pingTimeout / 2)
	states(t, f, "t1", running, lost)
	states(t, f, "t2", starting, running, lost)
	c.Heal(c.Master, c.Agents[0])
	c.Advance(time.Minute)
	if left := c.Agents[0].Executors(); len(left) > 0 {
		t.Errorf("%v still run", left)
	}
	f.Launch(simcluster.Job{ID: "t3", Program: "sleep 1", Executor: "x1"})
	c.Advance(time.Minute)
	states(t, f, "t3", running, finished)
	c.Quiet()
	c.Golden("no-checkpoints")
}
