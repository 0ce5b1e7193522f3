package sched

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// LaunchTasks launches tasks on offers of one agent and declines the rest of their resources for the time in filters
// (nil means 5s). While the driver is disconnected, each task is reported as TASK_DROPPED, or as TASK_LOST if the
// framework is not partition-aware.
func (d *Driver) LaunchTasks(offers []ids.Offer, tasks []*mesospb.TaskInfo, filters *mesospb.Filters) mesospb.Status {
	launch := &mesospb.Offer_Operation{
		Type:   mesospb.Offer_Operation_LAUNCH.Enum(),
		Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
	}
	return d.AcceptOffers(offers, []*mesospb.Offer_Operation{launch}, filters)
}

// AcceptOffers performs operations, in order, on offers of one agent. Operations must not carry an ID, because a v0
// scheduler gets no reports about operations.
func (d *Driver) AcceptOffers(offers []ids.Offer, operations []*mesospb.Offer_Operation, filters *mesospb.Filters) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.accept(offers, operations, filters) })
}

// DeclineOffer declines an offer and asks not to be offered its resources for the time in filters (nil means 5s).
func (d *Driver) DeclineOffer(offer ids.Offer, filters *mesospb.Filters) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.decline(offer, filters) })
}

// ReviveOffers removes all filters and suppression, for the given roles or for all roles.
func (d *Driver) ReviveOffers(roles ...string) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.revive(roles) })
}

// SuppressOffers asks for no more offers for the given roles, or for all roles.
func (d *Driver) SuppressOffers(roles ...string) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.suppress(roles) })
}

// KillTask asks to kill a task. The result is a status update, TASK_LOST if the task is unknown.
func (d *Driver) KillTask(task ids.Task) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.kill(task) })
}

// AcknowledgeStatusUpdate acknowledges a status update, so that it is not resent. It panics unless the driver was made
// with [Options.ExplicitAcknowledgements]. An update without a UUID needs no acknowledgement, and none is sent.
func (d *Driver) AcknowledgeStatusUpdate(status *mesospb.TaskStatus) mesospb.Status {
	if !d.options.ExplicitAcknowledgements {
		panic("sched: AcknowledgeStatusUpdate on a driver that acknowledges implicitly")
	}
	return d.life.Do(func(p *SchedulerProcess) { p.acknowledge(status.GetSlaveId(), status.GetTaskId(), status.GetUuid()) })
}

// SendFrameworkMessage sends data to an executor, directly to its agent if a task was launched there in this
// connection. Delivery is at most once. data must not be changed afterwards.
func (d *Driver) SendFrameworkMessage(executor ids.Executor, agent ids.Agent, data []byte) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.message(executor, agent, data) })
}

// ReconcileTasks asks for a status update for each of the tasks, or for all tasks that the master knows if tasks is
// empty. Only the task and agent IDs of the statuses matter.
func (d *Driver) ReconcileTasks(tasks []*mesospb.TaskStatus) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.reconcile(tasks) })
}

// RequestResources tells the allocator which resources the framework wants. Mesos's own allocator ignores it.
func (d *Driver) RequestResources(requests []*mesospb.Request) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.request(requests) })
}

// UpdateFramework replaces the framework's description. info must carry the framework's ID. Before registration, or
// with another ID, the driver aborts with an error.
func (d *Driver) UpdateFramework(info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.update(complete(info), suppressed, constraints) })
}
