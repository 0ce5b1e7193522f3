package sched

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// LaunchTasks launches tasks on offers of one agent and gives the rest of them back, for the time that filters say (nil:
// 5s). While disconnected, each task comes back as TASK_DROPPED, or TASK_LOST to a framework that is not partition
// aware.
func (d *Driver) LaunchTasks(offers []ids.Offer, tasks []*mesospb.TaskInfo, filters *mesospb.Filters) mesospb.Status {
	launch := &mesospb.Offer_Operation{
		Type:   mesospb.Offer_Operation_LAUNCH.Enum(),
		Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
	}
	return d.AcceptOffers(offers, []*mesospb.Offer_Operation{launch}, filters)
}

// AcceptOffers performs operations, in order, on offers of one agent. Operations must not carry an id: a v0 scheduler
// cannot be told how they end.
func (d *Driver) AcceptOffers(offers []ids.Offer, operations []*mesospb.Offer_Operation, filters *mesospb.Filters) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.accept(offers, operations, filters) })
}

// DeclineOffer gives an offer back and asks not to see its resources for the time that filters say (nil: 5s).
func (d *Driver) DeclineOffer(offer ids.Offer, filters *mesospb.Filters) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.decline(offer, filters) })
}

// ReviveOffers forgets all filters and suppression, of the given roles or of all.
func (d *Driver) ReviveOffers(roles ...string) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.revive(roles) })
}

// SuppressOffers asks for no more offers to the given roles, or to all.
func (d *Driver) SuppressOffers(roles ...string) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.suppress(roles) })
}

// KillTask asks to kill a task. The answer is a status update; TASK_LOST if nobody knows the task.
func (d *Driver) KillTask(task ids.Task) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.kill(task) })
}

// AcknowledgeStatusUpdate tells that an update need not be sent again. It panics unless the driver was made with
// [Options.ExplicitAcknowledgements]. Updates without uuid need no acknowledgement and get none.
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

// ReconcileTasks asks for an update on each of the tasks, or on all tasks that the master knows if there are none. Only
// the task and agent ids of the statuses matter.
func (d *Driver) ReconcileTasks(tasks []*mesospb.TaskStatus) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.reconcile(tasks) })
}

// RequestResources tells the allocator what is wanted. Mesos's own allocator ignores it.
func (d *Driver) RequestResources(requests []*mesospb.Request) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.request(requests) })
}

// UpdateFramework replaces what the framework registered as. info must carry the framework's id; before registration,
// or with another id, the driver aborts with an error.
func (d *Driver) UpdateFramework(info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) mesospb.Status {
	return d.life.Do(func(p *SchedulerProcess) { p.update(complete(info), suppressed, constraints) })
}
