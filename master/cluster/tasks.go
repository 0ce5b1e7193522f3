package cluster

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

// Forward sends an update to the scheduler. acknowledgee is the address to which the acknowledgement must go.
func (c *Cluster) Forward(u *internalpb.StatusUpdate, acknowledgee string, f *book.Framework) {
	if u.Uuid != nil {
		if t := f.Task(ids.TaskOf(u.GetStatus().GetTaskId())); t != nil {
			t.Forward(u.GetStatus())
		}
	}
	c.Tell(f, &internalpb.StatusUpdateMessage{Update: u, Pid: &acknowledgee})
}

// Apply applies an update to t, and returns the resources of t to the allocator if t became terminal.
func (c *Cluster) Apply(t *book.Task, u *internalpb.StatusUpdate) {
	statuses := len(t.Statuses)
	ended, released := t.Update(u)
	if ended {
		c.Counts.Ended(u.GetStatus())
		if f := c.Book.Framework(t.Framework); f != nil {
			f.Counts.Ended.Add(int32(t.State))
		}
	}
	if released {
		c.Allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	if len(t.Statuses) > statuses || isAboutCheck(u.GetStatus()) {
		c.Feed.TaskUpdated(t, u.GetStatus())
	}
	c.actor.Log().Debug().Stringer("task_id", t.ID).Stringer("framework_id", t.Framework).Stringer("state", u.GetStatus().GetState()).
		Stringer("latest_state", t.State).Msg("task updated")
}

// isAboutCheck reports whether a status is about a check or health check. Such a status does not change the task's
// state.
func isAboutCheck(s *mesospb.TaskStatus) bool {
	switch s.GetReason() {
	case mesospb.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED, mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED:
		return true
	}
	return false
}

// EndTask applies the final update of t, removes t from the book and tells its scheduler.
func (c *Cluster) EndTask(t *book.Task, u *internalpb.StatusUpdate, unreachable bool) {
	f := c.Book.Framework(t.Framework)
	c.Apply(t, u)
	c.RemoveTask(t, unreachable)
	if f.Connected() {
		c.Forward(u, events.NoPID, f)
	}
}

// RemoveTask removes t from the book, and returns its resources to the allocator if t was not terminal.
//
// Mesos: Master::removeTask.
func (c *Cluster) RemoveTask(t *book.Task, unreachable bool) {
	if t.HoldsResources() {
		c.Allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	c.Book.RemoveTask(t, unreachable)
}

// RemoveDuplicate removes a duplicate from the book, and returns its resources to the allocator if it was not terminal.
func (c *Cluster) RemoveDuplicate(t *book.Task) {
	if t.HoldsResources() {
		c.Allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	c.Book.RemoveDuplicate(t)
}

// RemoveExecutor removes e from the book and returns its resources to the allocator.
func (c *Cluster) RemoveExecutor(e *book.Executor) {
	c.Allocator.Recover(e.Framework, e.Agent, e.Resources, nil, true)
	c.Book.RemoveExecutor(e)
}

// Update returns an update of the master itself. It has no UUID, because nobody waits for its acknowledgement.
func (c *Cluster) Update(framework ids.Framework, task *mesospb.TaskID, agent *mesospb.SlaveID, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) *internalpb.StatusUpdate {
	return tasks.Update(framework, &mesospb.TaskStatus{
		TaskId: task, SlaveId: agent, State: state.Enum(), Message: &message, Reason: reason.Enum(),
		Source: mesospb.TaskStatus_SOURCE_MASTER.Enum(), Timestamp: proto.Float64(c.Seconds()),
	})
}

// TaskUpdate is like [Cluster.Update], for a task in the book.
func (c *Cluster) TaskUpdate(t *book.Task, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) *internalpb.StatusUpdate {
	u := c.Update(t.Framework, t.Described.TaskId, t.Described.SlaveId, state, message, reason)
	u.ExecutorId = t.Described.ExecutorId
	return u
}

// Seconds returns the current time in seconds since 1970, as timestamps have it.
func (c *Cluster) Seconds() float64 { return float64(c.actor.Now().UnixNano()) / 1e9 }

// RepeatLast adds the health and container of t's newest status to s.
func RepeatLast(s *mesospb.TaskStatus, t *book.Task) {
	if last := t.Last(); last != nil {
		s.Healthy, s.CheckStatus, s.ContainerStatus = last.Healthy, last.CheckStatus, last.ContainerStatus
	}
}
