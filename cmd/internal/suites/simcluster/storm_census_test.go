package simcluster_test

import (
	"fmt"
	"sync"
	"testing"
)

// census counts over all seeds what happened. A storm that never drains an agent says nothing of draining.
type census struct {
	mu    sync.Mutex // seeds run side by side
	count map[string]int
}

func newCensus() *census { return &census{count: map[string]int{}} }

// add counts what happened in a storm that is over: messages, states of tasks, and what operators achieved.
func (c *census) add(s *storm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for what, n := range s.happened {
		c.count[what] += n
	}
	for _, f := range s.Frameworks {
		c.count[f.Name] += len(f.Tasks)
		for _, t := range f.Tasks {
			for _, status := range t.Statuses {
				c.count[status.GetState().String()]++
			}
		}
	}
	for _, a := range s.Asked() {
		if status, _ := a.Status(); status != 0 {
			c.count[fmt.Sprintf("%s %d", a.What, status/100*100)]++
		}
	}
}

// usual are the things that have to happen over a few seeds.
var usual = []string{
	// what has an effect
	"launch", "launch of a group", "kill", "agent dies", "agent starts", "machine dies", "machine is replaced", "agent leaves", "executors die",
	"scheduler dies", "scheduler starts", "scheduler is replaced", "master dies", "master starts", "partition", "heal", "teardown",
	"disk stalls", "clock jumps", "partition of what masters say", "partition of what masters hear",
	// what operators achieve, and what they are refused
	"DRAIN_AGENT 200", "MARK_AGENT_GONE 200", "DEACTIVATE_AGENT 200", "REACTIVATE_AGENT 200", "TEARDOWN 200",
	"UPDATE_MAINTENANCE_SCHEDULE 200", "START_MAINTENANCE 200", "STOP_MAINTENANCE 200", "GET_STATE 200",
	"RESERVE_RESOURCES 200", "UNRESERVE_RESOURCES 200", "CREATE_VOLUMES 200", "DESTROY_VOLUMES 200", "GROW_VOLUME 200", "SHRINK_VOLUME 200",
	"RESERVE_RESOURCES 400", "UNRESERVE_RESOURCES 400", "CREATE_VOLUMES 400", "DESTROY_VOLUMES 400",
	"DRAIN_AGENT 400", "START_MAINTENANCE 400", "REACTIVATE_AGENT 400",
	// what is said because of it
	"DrainSlaveMessage", "ShutdownMessage", "ShutdownFrameworkMessage", "LostSlaveMessage",
	"UnregisterSlaveMessage", "ExitedExecutorMessage", "KillTaskMessage", "FrameworkErrorMessage", "UpdateFrameworkMessage",
	"ApplyOperationMessage", "UpdateOperationStatusMessage", "AcknowledgeOperationStatusMessage",
	"InverseOffersMessage", "RescindInverseOfferMessage",
	"RunTaskGroupMessage", "Event",
	// frameworks that launch tasks
	"today", "impatient", "unaware", "forgetful", "modern", "hurried",
	// what becomes of tasks
	"TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST",
	"TASK_UNREACHABLE", "TASK_GONE", "TASK_UNKNOWN",
}

// rare are those that have to happen over many.
var rare = []string{
	"TASK_DROPPED", "RescindResourceOfferMessage", "master gives up", "TASK_GONE_BY_OPERATOR", "UPDATE_MAINTENANCE_SCHEDULE 400", "MARK_AGENT_GONE 400",
}

func (c *census) demand(t *testing.T, all ...string) {
	t.Helper()
	for _, what := range all {
		if c.count[what] == 0 {
			t.Errorf("in no storm was there %s: find other seeds, or give it more weight", what)
		}
	}
	if testing.Verbose() {
		t.Log(c.count)
	}
}
