package view

import (
	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/shallow"
)

// For returns the part of c that may allows to be seen. A nil may allows everything. Sums, such as the resources that a
// framework uses and the numbers of tasks on an agent, stay those of the whole cluster, as in Mesos.
func (c *Cluster) For(may authorizer.Approver) *Cluster {
	if may == nil {
		return c
	}
	return &Cluster{
		Master: c.Master, Agents: c.agentsFor(may), Recovered: recoveredFor(may, c.Recovered), Unreachable: c.Unreachable,
		Frameworks: frameworksFor(may, c.Frameworks), Completed: frameworksFor(may, c.Completed),
		may: may, whole: c,
	}
}

// everything returns the cluster that c is a part of.
func (c *Cluster) everything() *Cluster {
	if c.whole != nil {
		return c.whole
	}
	return c
}

// agentsFor hides resources, by role. It does not hide agents.
func (c *Cluster) agentsFor(may authorizer.Approver) []*Agent {
	agents := make([]*Agent, len(c.Agents))
	for i, a := range c.Agents {
		agents[i] = &Agent{
			ID: a.ID, Info: infoFor(may, a.Info), PID: a.PID, Version: a.Version, Announced: a.Announced, Registered: a.Registered,
			Reregistered: a.Reregistered, Active: a.Active, Deactivation: a.Deactivation, Total: a.Total, Used: a.Used, Offered: a.Offered,
			may: may,
		}
	}
	return agents
}

func recoveredFor(may authorizer.Approver, infos []*mesospb.SlaveInfo) []*mesospb.SlaveInfo {
	seen := make([]*mesospb.SlaveInfo, len(infos))
	for i, info := range infos {
		seen[i] = infoFor(may, info)
	}
	return seen
}

func infoFor(may authorizer.Approver, info *mesospb.SlaveInfo) *mesospb.SlaveInfo {
	info = shallow.Copy(info)
	info.Resources = authorizer.Seen(may, info.GetResources())
	return info
}

// seen returns the resources that may be seen.
func seen(may authorizer.Approver, rs resources.Resources) resources.Resources {
	if may == nil {
		return rs
	}
	return rs.Filter(func(r resources.Resource) bool { return authorizer.SeesResource(may, r.Proto()) })
}

func frameworksFor(may authorizer.Approver, frameworks []*Framework) []*Framework {
	var seen []*Framework
	for _, f := range frameworks {
		if authorizer.SeesFramework(may, f.Info) {
			seen = append(seen, f.only(may))
		}
	}
	return seen
}

// only returns f with those tasks and executors that may be seen.
func (f *Framework) only(may authorizer.Approver) *Framework {
	part := &Framework{
		ID: f.ID, Info: f.Info, Capabilities: f.Capabilities, Roles: f.Roles, PID: f.PID, Constraints: f.Constraints,
		State: f.State, Registered: f.Registered, Reregistered: f.Reregistered, Unregistered: f.Unregistered,
		tasks: tree(taskBefore), executors: tree(executorBefore), offers: f.offers,
		unreachable: tasksFor(may, f.unreachable, f.Info), completed: tasksFor(may, f.completed, f.Info),
	}
	part.sum.Do(func() { part.used, part.offered = f.Used(), f.Offered() })
	for t := range f.Tasks() {
		if authorizer.SeesTask(may, TaskMessage(t), f.Info) {
			part.tasks.Load(t)
		}
	}
	for e := range f.executors.Scan {
		if authorizer.SeesExecutor(may, e.Info, f.Info) {
			part.executors.Load(e)
		}
	}
	return part
}

func tasksFor(may authorizer.Approver, tasks []*book.Facts, f *mesospb.FrameworkInfo) []*book.Facts {
	var seen []*book.Facts
	for _, t := range tasks {
		if authorizer.SeesTask(may, TaskMessage(t), f) {
			seen = append(seen, t)
		}
	}
	return seen
}
