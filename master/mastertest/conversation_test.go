package mastertest_test

import (
	"testing"
	"time"

	"meseta/master/mastertest"
	"meseta/messages/mesospb"
)

// From offer to acknowledgement: the ordinary life of a task.
func TestTaskLife(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Pings: true})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	c.Advance(time.Second)
	f.Launch(f.Offer(), mastertest.Task("t1", f.Offer()), mastertest.Task("t2", f.Offer()))
	id, on := mastertest.FrameworkID(f), mastertest.AgentID(agent)
	agent.Report(id, "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.Acknowledge(on, "t1", 1)
	agent.Report(id, "t1", mesospb.TaskState_TASK_FINISHED, 2)
	f.Acknowledge(on, "t1", 2)
	c.Advance(6 * time.Second)
	c.Golden("task-life")
}
