package view

import (
	"iter"

	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/messages/operations"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/shallow"
)

// For returns the part of c that may allows to be seen. A nil may allows everything. Sums, such as the resources that a
// framework uses and the numbers of tasks on an agent, stay those of the whole cluster, as in Mesos. What is not hidden in
// part is shared with c, and with it what readers before have made of it.
func (c *Cluster) For(may authorizer.Approver) *Cluster {
	if may == nil {
		return c
	}
	reader := &reader{may, map[string]bool{}}
	return &Cluster{
		Master: c.Master, Agents: c.agentsFor(reader), Recovered: recoveredFor(reader, c.Recovered), Unreachable: c.Unreachable,
		Frameworks: frameworksFor(may, c.Frameworks), Completed: frameworksFor(may, c.Completed),
		may: may, whole: c,
	}
}

// reader asks whether roles may be seen, each once. It belongs to one call of For.
type reader struct {
	authorizer.Approver
	roles map[string]bool
}

// sees reports whether a role may be seen.
func (r *reader) sees(role string) bool {
	sees, asked := r.roles[role]
	if !asked {
		sees = authorizer.SeesRole(r.Approver, role)
		r.roles[role] = sees
	}
	return sees
}

// seesAll reports whether all of rs may be seen.
func (r *reader) seesAll(rs resources.Resources) bool {
	for each := range rs.All() {
		if role, allocated := each.AllocationRole(); allocated && !r.sees(role) {
			return false
		}
		for _, reservation := range each.Reservations() {
			if !r.sees(reservation.GetRole()) {
				return false
			}
		}
	}
	return true
}

// seesInfo reports whether all that an agent was started with may be seen.
func (r *reader) seesInfo(info *mesospb.SlaveInfo) bool {
	for _, each := range info.GetResources() {
		if !authorizer.SeesResource(r, each) {
			return false
		}
	}
	return true
}

// everything returns the cluster that c is a part of.
func (c *Cluster) everything() *Cluster {
	if c.whole != nil {
		return c.whole
	}
	return c
}

// agentsFor hides resources, by role. It does not hide agents.
func (c *Cluster) agentsFor(r *reader) []*Agent {
	agents := make([]*Agent, len(c.Agents))
	for i, a := range c.Agents {
		agents[i] = a.only(r)
	}
	return agents
}

// only returns a with those resources that may be seen: a itself if that is all of them.
func (a *Agent) only(r *reader) *Agent {
	operations := a.operationsFor(r)
	if r.seesInfo(a.Info) && r.seesAll(a.Total) && r.seesAll(a.Used) && r.seesAll(a.Offered) && len(operations) == len(a.Operations) {
		return a
	}
	return &Agent{
		ID: a.ID, Info: infoFor(r, a.Info), PID: a.PID, Version: a.Version, Announced: a.Announced, Registered: a.Registered,
		Reregistered: a.Reregistered, Active: a.Active, Deactivation: a.Deactivation, Total: a.Total, Used: a.Used, Offered: a.Offered,
		Operations: operations, may: r.Approver,
	}
}

// operationsFor returns those operations on a whose resources may be seen.
func (a *Agent) operationsFor(r *reader) []*mesospb.Operation {
	var seen []*mesospb.Operation
	for _, o := range a.Operations {
		if consumed, err := operations.Consumed(o.GetInfo()); err == nil && r.seesAll(consumed) {
			seen = append(seen, o)
		}
	}
	return seen
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

// only returns f with those tasks and executors that may be seen: f itself if that is all of them.
func (f *Framework) only(may authorizer.Approver) *Framework {
	part := &Framework{
		ID: f.ID, Info: f.Info, Capabilities: f.Capabilities, Roles: f.Roles, PID: f.PID, Constraints: f.Constraints,
		State: f.State, Registered: f.Registered, Reregistered: f.Reregistered, Unregistered: f.Unregistered,
		tasks: f.tasks, executors: f.executors, offers: f.offers,
		unreachable: tasksFor(may, f.unreachable, f.Info), completed: tasksFor(may, f.completed, f.Info),
	}
	hidden := len(part.unreachable) != len(f.unreachable) || len(part.completed) != len(f.completed)
	if hides(f.Tasks(), func(t *book.Facts) bool { return seesTask(may, t, f.Info) }) {
		part.tasks, hidden = tree(taskBefore), true
		for t := range f.Tasks() {
			if seesTask(may, t, f.Info) {
				part.tasks.Load(t)
			}
		}
	}
	sees := func(e *book.Executor) bool { return authorizer.SeesExecutor(may, e.Info, f.Info) }
	if hides(f.executors.Scan, sees) {
		part.executors, hidden = tree(executorBefore), true
		for e := range f.executors.Scan {
			if sees(e) {
				part.executors.Load(e)
			}
		}
	}
	if !hidden {
		return f
	}
	part.sum.Do(func() { part.used, part.offered = f.Used(), f.Offered() })
	return part
}

// hides reports whether one of all may not be seen.
func hides[T any](all iter.Seq[T], sees func(T) bool) bool {
	for each := range all {
		if !sees(each) {
			return true
		}
	}
	return false
}

func tasksFor(may authorizer.Approver, tasks []*book.Facts, f *mesospb.FrameworkInfo) []*book.Facts {
	var seen []*book.Facts
	for _, t := range tasks {
		if seesTask(may, t, f) {
			seen = append(seen, t)
		}
	}
	return seen
}

// seesTask reports whether a task of a framework may be seen. The question is made once for all readers.
func seesTask(may authorizer.Approver, t *book.Facts, f *mesospb.FrameworkInfo) bool {
	about := t.Object.Load()
	if about == nil || about.FrameworkInfo != f {
		about = &authorizationpb.Object{Task: TaskMessage(t), FrameworkInfo: f}
		t.Object.Store(about)
	}
	return authorizer.Allows(may, authorizationpb.Action_VIEW_TASK, about)
}
