package view

import (
	"slices"

	"meseta/actors/authorizer"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/slave/book"
)

// For returns the part of a that may allows to be seen. A nil may allows everything. Sums stay those of the whole
// agent, as in Mesos.
func (a *Agent) For(may authorizer.Approver) *Agent {
	if may == nil {
		return a
	}
	return &Agent{
		Self: a.Self, Frameworks: frameworksFor(may, a.Frameworks), Completed: frameworksFor(may, a.Completed),
		may: may, used: a.used,
	}
}

func frameworksFor(may authorizer.Approver, all []*Framework) []*Framework {
	var seen []*Framework
	for _, f := range all {
		if authorizer.SeesFramework(may, f.Info) {
			seen = append(seen, f.only(may))
		}
	}
	return seen
}

// only returns f with those tasks and executors that may be seen.
func (f *Framework) only(may authorizer.Approver) *Framework {
	return &Framework{
		Info: f.Info, Pending: f.infosFor(may, f.Pending), Executors: f.executorsFor(may, f.Executors),
		Completed: f.executorsFor(may, f.Completed),
	}
}

func (f *Framework) executorsFor(may authorizer.Approver, all []*book.Picture) []*book.Picture {
	var seen []*book.Picture
	for _, e := range all {
		if !authorizer.SeesExecutor(may, e.Info, f.Info) {
			continue
		}
		part := *e
		part.Queued = f.infosFor(may, e.Queued)
		part.Launched, part.Terminated = f.tasksFor(may, e.Launched), f.tasksFor(may, e.Terminated)
		part.Completed = f.tasksFor(may, e.Completed)
		seen = append(seen, &part)
	}
	return seen
}

func (f *Framework) tasksFor(may authorizer.Approver, all []*book.Task) []*book.Task {
	var seen []*book.Task
	for _, t := range all {
		if authorizer.SeesTask(may, t.Message, f.Info) {
			seen = append(seen, t)
		}
	}
	return seen
}

func (f *Framework) infosFor(may authorizer.Approver, all []*mesospb.TaskInfo) []*mesospb.TaskInfo {
	var seen []*mesospb.TaskInfo
	for _, t := range all {
		if authorizer.SeesTask(may, f.staging(t), f.Info) {
			seen = append(seen, t)
		}
	}
	return seen
}

// staging returns a task that no executor has yet.
func (f *Framework) staging(t *mesospb.TaskInfo) *mesospb.Task {
	return tasks.New(t, mesospb.TaskState_TASK_STAGING, f.Info.GetId())
}

// seenRoles returns the roles that resources are reserved to and that may be seen.
func (a *Agent) seenRoles(rs resources.Resources) []string {
	return slices.DeleteFunc(rs.ReservationRoles(), func(role string) bool { return !authorizer.SeesRole(a.may, role) })
}
