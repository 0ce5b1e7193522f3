package cluster

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/events"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/tasks"
)

// Forward sends an update to the scheduler. acknowledgee is where it has to be acknowledged.
func (c *Cluster) Forward(u *internalpb.StatusUpdate, acknowledgee string, f *book.Framework) {
	if u.Uuid != nil {
		if t := f.Task(ids.TaskOf(u.GetStatus().GetTaskId())); t != nil {
			t.Forward(u.GetStatus())
		}
	}
	c.Tell(f, &internalpb.StatusUpdateMessage{Update: u, Pid: &acknowledgee})
}

// Apply notes the state of t, and gives its resources back if it is over.
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

// isAboutCheck reports whether a status tells how a check or a health check went, which does not change the task's state.
func isAboutCheck(s *mesospb.TaskStatus) bool {
	switch s.GetReason() {
	case mesospb.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED, mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED:
		return true
	}
	return false
}

// EndTask applies the last update of t, takes it out of the book and tells its scheduler.
func (c *Cluster) EndTask(t *book.Task, u *internalpb.StatusUpdate, unreachable bool) {
	f := c.Book.Framework(t.Framework)
	c.Apply(t, u)
	c.RemoveTask(t, unreachable)
	if f.Connected() {
		c.Forward(u, events.NoPID, f)
	}
}

// RemoveTask takes t out of the book, and its resources back if it was not over.
//
// Mesos: Master::removeTask.
func (c *Cluster) RemoveTask(t *book.Task, unreachable bool) {
	if t.HoldsResources() {
		c.Allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	c.Book.RemoveTask(t, unreachable)
}

// RemoveDuplicate takes a duplicate out of the book, and its resources back if it was not over.
func (c *Cluster) RemoveDuplicate(t *book.Task) {
	if t.HoldsResources() {
		c.Allocator.Recover(t.Framework, t.Agent, t.Resources, nil, true)
	}
	c.Book.RemoveDuplicate(t)
}

// RemoveExecutor takes e out of the book and its resources back.
func (c *Cluster) RemoveExecutor(e *book.Executor) {
	c.Allocator.Recover(e.Framework, e.Agent, e.Resources, nil, true)
	c.Book.RemoveExecutor(e)
}

// Update is an update from the master itself: it has no UUID, since nobody would wait for its acknowledgement.
func (c *Cluster) Update(framework ids.Framework, task *mesospb.TaskID, agent *mesospb.SlaveID, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) *internalpb.StatusUpdate {
	return tasks.Update(framework, &mesospb.TaskStatus{
		TaskId: task, SlaveId: agent, State: state.Enum(), Message: &message, Reason: reason.Enum(),
		Source: mesospb.TaskStatus_SOURCE_MASTER.Enum(), Timestamp: proto.Float64(c.Seconds()),
	})
}

// TaskUpdate is [Cluster.Update] for a task that is in the book.
func (c *Cluster) TaskUpdate(t *book.Task, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) *internalpb.StatusUpdate {
	u := c.Update(t.Framework, t.Described.TaskId, t.Described.SlaveId, state, message, reason)
	u.ExecutorId = t.Described.ExecutorId
	return u
}

// Seconds is the time as timestamps have it.
func (c *Cluster) Seconds() float64 { return float64(c.actor.Now().UnixNano()) / 1e9 }

// RepeatLast adds to a status what the last one of t said of its health and container.
func RepeatLast(s *mesospb.TaskStatus, t *book.Task) {
	if last := t.Last(); last != nil {
		s.Healthy, s.CheckStatus, s.ContainerStatus = last.Healthy, last.CheckStatus, last.ContainerStatus
	}
}

// TellOperation tells the scheduler of f, which speaks HTTP, how an operation is.
func (c *Cluster) TellOperation(f *book.Framework, s *mesospb.OperationStatus) {
	c.Tell(f, &schedulerpb.Event{
		Type:                  schedulerpb.Event_UPDATE_OPERATION_STATUS.Enum(),
		UpdateOperationStatus: &schedulerpb.Event_UpdateOperationStatus{Status: s},
	})
}
