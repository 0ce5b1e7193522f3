package cluster

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/master/events"
	"meseta/master/maintenance"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// Deactivate stops offers to f and takes back its offers. If rescind is true, f is told.
func (c *Cluster) Deactivate(f *book.Framework, rescind bool) {
	f.State = book.Inactive
	c.Allocator.DeactivateFramework(f.ID)
	for _, o := range f.Offers() {
		if rescind {
			c.Offers.Rescind(o)
		} else {
			c.Offers.Discard(o, nil)
		}
	}
	c.InverseOffers.DropOf(f, rescind)
}

// RemoveFramework ends f and everything that it runs. Its agents shut it down.
func (c *Cluster) RemoveFramework(f *book.Framework) {
	if f.IsActive() {
		c.Deactivate(f, false)
	}
	shutdown := &internalpb.ShutdownFrameworkMessage{FrameworkId: f.Info.Id}
	for _, a := range c.Book.Agents() {
		c.actor.Send(a.PID, shutdown)
	}
	c.killTasksOf(f)
	for _, e := range f.Executors() {
		c.RemoveExecutor(e)
	}
	c.disconnect(f)
	f.Unregistered = c.actor.Now()
	c.Book.RemoveFramework(f)
	c.InverseOffers.Forget(func(p maintenance.Pair) bool { return p.Framework == f.ID })
	c.Feed.FrameworkRemoved(f.Info)
	c.Allocator.RemoveFramework(f.ID)
}

// disconnect ends the stream of f. The address of a driver is kept, because the driver may still send messages.
func (c *Cluster) disconnect(f *book.Framework) {
	HangUp(f.Connection)
	f.State = book.Disconnected
	c.Book.Connect(f, book.Connection{PID: f.PID})
}

// killTasksOf makes all tasks of f killed. Nobody is told, because the scheduler is gone or asked for it.
func (c *Cluster) killTasksOf(f *book.Framework) {
	killed := func(t *book.Task) *internalpb.StatusUpdate {
		return c.TaskUpdate(t, mesospb.TaskState_TASK_KILLED, "Framework "+string(f.ID)+" removed",
			mesospb.TaskStatus_REASON_FRAMEWORK_REMOVED)
	}
	for _, t := range f.Tasks() {
		c.Apply(t, killed(t))
		c.RemoveTask(t, false)
	}
	for _, t := range c.Book.DuplicatesOf(f) {
		c.RemoveDuplicate(t)
	}
	for _, t := range f.UnreachableTasks() {
		t.Update(killed(t)) // its resources were returned with its agent
		f.Complete(t)
	}
}

// DisconnectFramework ends the stream of f, and stops offers to it.
func (c *Cluster) DisconnectFramework(f *book.Framework) {
	if f.IsActive() {
		c.Deactivate(f, true)
	}
	c.disconnect(f)
}

// ChangeFramework updates the description of f, and rescinds its offers in roles that it left.
func (c *Cluster) ChangeFramework(f *book.Framework, info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) {
	c.Allocator.UpdateFramework(info, allocator.Wishes{Suppressed: suppressed, Constraints: constraints})
	c.Book.UpdateFramework(f, info)
	f.Constraints = constraints
	for _, o := range f.Offers() {
		if !f.HasRole(o.Role) {
			c.Offers.Rescind(o)
		}
	}
}

// Broadcast sends all agents and subscribers the current description and address of f.
//
// Mesos: Master::sendFrameworkUpdates.
func (c *Cluster) Broadcast(f *book.Framework) {
	update := FrameworkUpdate(f)
	for _, a := range c.Book.Agents() {
		c.actor.Send(a.PID, update)
	}
	c.Feed.FrameworkUpdated(f.ID)
}

// FrameworkUpdate returns the message that tells agents about f.
func FrameworkUpdate(f *book.Framework) *internalpb.UpdateFrameworkMessage {
	return &internalpb.UpdateFrameworkMessage{
		FrameworkId: f.Info.Id, FrameworkInfo: f.Info, Pid: proto.String(SchedulerPID(f)),
	}
}

// SchedulerPID returns the address of f's scheduler as it is sent to agents.
func SchedulerPID(f *book.Framework) string {
	if f.PID.IsZero() {
		return events.NoPID
	}
	return f.PID.String()
}

// Activate starts offers to f.
func (c *Cluster) Activate(f *book.Framework) {
	if !f.IsActive() {
		f.State = book.Active
		c.Allocator.ActivateFramework(f.ID)
	}
}

// RecoverFramework adds a framework whose scheduler has not subscribed to this master yet.
//
// Mesos: Master::recoverFramework.
func (c *Cluster) RecoverFramework(info *mesospb.FrameworkInfo) {
	f := book.NewFramework(info)
	c.Book.AddFramework(f)
	c.Allocator.AddFramework(info, false, allocator.Wishes{})
	c.Feed.FrameworkAdded(f.ID)
	c.actor.Log().Info().Stringer("framework_id", f.ID).Msg("framework recovered")
}

// HangUp ends the connection if it is a stream.
func HangUp(scheduler book.Connection) {
	if scheduler.Stream != nil {
		scheduler.Stream.Close()
	}
}
