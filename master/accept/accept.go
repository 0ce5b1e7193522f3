// Package accept implements ACCEPT: it launches tasks and task groups on offered resources, and applies operations to
// them.
package accept

import (
	"errors"
	"fmt"

	"meseta/actors/authorizer"
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/decorate"
	"meseta/master/events"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// Acceptor carries out acceptances of a cluster's offers. It belongs to the cluster's actor and may be used only on its
// turns.
type Acceptor struct {
	*cluster.Cluster
	actor    *runtime.Actor
	launches *validate.Launches
}

// New returns the acceptor of c's offers.
func New(actor *runtime.Actor, c *cluster.Cluster) *Acceptor {
	return &Acceptor{c, actor, new(validate.Launches)}
}

// Accept applies operations to offers, which must all be of one agent. Resources that no operation uses are declined.
// Agents get tasks with the labels in labels.
//
// Mesos: Master::accept.
func (m *Acceptor) Accept(f *book.Framework, by authorizer.Approver, call *schedulerpb.Call_Accept, labels decorate.Labels) {
	m.Counts.Accepted(call.GetOperations())
	if err := validate.Offers(call.GetOfferIds(), f, m.Book); err != nil {
		m.invalidOffers(f, call, err)
		return
	}
	offered := m.Offers.Take(call.GetOfferIds())
	f.Counts.OffersAccepted += uint64(len(call.GetOfferIds()))
	x := &acceptance{
		Acceptor: m, framework: f, by: by, agent: m.Book.Agent(offered.Agent), role: offered.Role, ledger: newRemains(offered.Resources),
		labels: labels,
	}
	for _, op := range x.prepare(call.GetOperations()) {
		x.perform(op)
	}
	s := x.ledger.settle(offered.Resources)
	s.Filters = Refusal(call.GetFilters())
	m.Allocator.Settle(f.ID, offered.Agent, s)
}

// Refusal returns the time for which a scheduler refuses the resources that it declines. Without filters it is five
// seconds, the default of the message.
func Refusal(filters *mesospb.Filters) *mesospb.Filters {
	if filters == nil {
		return &mesospb.Filters{}
	}
	return filters
}

// invalidOffers reports an error for every task of an acceptance of invalid offers, and declines those offers that are
// valid.
func (m *Acceptor) invalidOffers(f *book.Framework, call *schedulerpb.Call_Accept, why error) {
	m.actor.Log().Warn().Err(why).Stringer("framework_id", f.ID).Msg("offers accepted that are not valid")
	for _, p := range call.GetOfferIds() {
		if o := m.Book.Offer(ids.OfferOf(p)); o != nil && o.Framework == f.ID {
			m.Offers.Discard(o, nil)
		}
	}
	for _, op := range call.GetOperations() {
		if op.GetType() != mesospb.Offer_Operation_LAUNCH && op.GetType() != mesospb.Offer_Operation_LAUNCH_GROUP {
			m.dropOperation(f, op, "Operation attempted with invalid offers: "+why.Error())
		}
		for _, t := range tasksOf(op) {
			m.refuseTask(f, t, tasks.LostOr(mesospb.TaskState_TASK_DROPPED, f.Capabilities), "Task launched with invalid offers: "+why.Error(),
				mesospb.TaskStatus_REASON_INVALID_OFFERS)
		}
	}
}

// refuseTask sends a scheduler the terminal update of a task that is not launched.
func (m *Acceptor) refuseTask(f *book.Framework, t *mesospb.TaskInfo, state mesospb.TaskState, message string, reason mesospb.TaskStatus_Reason) {
	m.actor.Log().Info().Str("task_id", t.GetTaskId().GetValue()).Stringer("framework_id", f.ID).Stringer("state", state).
		Str("reason", message).Msg("task refused")
	u := m.Update(f.ID, t.TaskId, t.SlaveId, state, message, reason)
	m.Counts.Ended(u.GetStatus())
	m.Forward(u, events.NoPID, f)
}

func tasksOf(op *mesospb.Offer_Operation) []*mesospb.TaskInfo {
	switch op.GetType() {
	case mesospb.Offer_Operation_LAUNCH:
		return op.GetLaunch().GetTaskInfos()
	case mesospb.Offer_Operation_LAUNCH_GROUP:
		return op.GetLaunchGroup().GetTaskGroup().GetTasks()
	}
	return nil
}

// acceptance carries out the operations of one ACCEPT, in order, within one turn.
type acceptance struct {
	*Acceptor
	framework *book.Framework
	by        authorizer.Approver // says what the framework may do
	agent     *book.Agent
	role      string
	ledger    remains
	labels    decorate.Labels
}

// prepared is an operation whose resources are well-formed and allocated to the role of the offers.
type prepared struct {
	*mesospb.Offer_Operation
	launches []validate.Launch // of LAUNCH
	group    validate.Group    // of LAUNCH_GROUP
}

// prepare validates all operations before any is carried out. It returns the valid ones and reports errors for the
// others.
func (x *acceptance) prepare(operations []*mesospb.Offer_Operation) []prepared {
	var able []prepared
	for _, op := range operations {
		p, ok := prepared{Offer_Operation: op}, false
		switch op.GetType() {
		case mesospb.Offer_Operation_LAUNCH:
			ok = x.prepareLaunch(&p)
		case mesospb.Offer_Operation_LAUNCH_GROUP:
			ok = x.prepareGroup(&p)
		case mesospb.Offer_Operation_UNKNOWN:
			x.actor.Log().Warn().Stringer("framework_id", x.framework.ID).Msg("unknown operation ignored")
		default:
			ok = x.prepareOperation(&p)
		}
		if ok {
			able = append(able, p)
		}
	}
	return able
}

func (x *acceptance) prepareLaunch(p *prepared) bool {
	tasks := p.GetLaunch().GetTaskInfos()
	p.launches = make([]validate.Launch, len(tasks))
	for i, t := range tasks {
		l, err := x.launches.Of(t, x.framework.ID, x.role)
		if err != nil {
			x.refuse(tasks, err.Error(), mesospb.TaskStatus_REASON_TASK_INVALID)
			return false
		}
		p.launches[i] = l
	}
	if p.Id != nil {
		x.refuse(tasks, "The `id` field cannot be set on LAUNCH operations", mesospb.TaskStatus_REASON_TASK_INVALID)
		return false
	}
	return true
}

func (x *acceptance) prepareGroup(p *prepared) bool {
	tasks := p.GetLaunchGroup().GetTaskGroup().GetTasks()
	g, err := x.launches.Group(p.GetLaunchGroup(), x.role)
	if err == nil && p.Id != nil {
		err = errors.New("The `id` field cannot be set on LAUNCH_GROUP operations")
	}
	if err != nil {
		x.refuse(tasks, err.Error(), mesospb.TaskStatus_REASON_TASK_GROUP_INVALID)
	}
	p.group = g
	return err == nil
}

func (x *acceptance) perform(p prepared) {
	switch p.GetType() {
	case mesospb.Offer_Operation_LAUNCH:
		for _, l := range p.launches { // a refused task does not keep the others from running
			x.launchTask(l)
		}
	case mesospb.Offer_Operation_LAUNCH_GROUP:
		x.launchGroup(p.group, p.GetLaunchGroup().GetTaskGroup().GetTasks())
	default:
		x.operate(p.Offer_Operation)
	}
}

// refuse refuses all tasks of an operation for the same reason.
func (x *acceptance) refuse(tasks []*mesospb.TaskInfo, message string, reason mesospb.TaskStatus_Reason) {
	for _, t := range tasks {
		x.refuseTask(x.framework, t, mesospb.TaskState_TASK_ERROR, message, reason)
	}
}

func (x *acceptance) launchTask(l validate.Launch) {
	f, a := x.framework, x.agent
	if err := x.mayLaunch(l.Task); err != nil {
		x.refuse([]*mesospb.TaskInfo{l.Task}, err.Error(), mesospb.TaskStatus_REASON_TASK_UNAUTHORIZED)
		return
	}
	if err := validate.Task(l, f, a, x.ledger.available()); err != nil {
		x.refuse([]*mesospb.TaskInfo{l.Task}, err.Error(), mesospb.TaskStatus_REASON_TASK_INVALID)
		return
	}
	onNewExecutor := true
	if l.Task.Executor != nil {
		onNewExecutor = x.addExecutor(l.Task.Executor, l.ExecutorResources)
	}
	x.addTask(l)
	f.Operated(mesospb.Offer_Operation_LAUNCH)
	x.actor.Send(a.PID, runTask(x.labelled(l), f, a, onNewExecutor))
	x.actor.Log().Info().Stringer("task_id", ids.TaskOf(l.Task.TaskId)).Stringer("framework_id", f.ID).Stringer("agent_id", a.ID).
		Bool("new_executor", onNewExecutor).Msg("task launched")
}

// addExecutor records an executor unless it is known. It reports whether the executor is new.
func (x *acceptance) addExecutor(info *mesospb.ExecutorInfo, rs resources.Resources) bool {
	id := ids.ExecutorOf(info.GetExecutorId())
	if x.framework.Executor(x.agent.ID, id) != nil {
		return false
	}
	x.Book.AddExecutor(&book.Executor{ID: id, Framework: x.framework.ID, Agent: x.agent.ID, Info: info, Resources: rs})
	x.ledger.use(rs)
	return true
}

func (x *acceptance) addTask(l validate.Launch) {
	t := book.NewTask(l.Task, x.framework.Info.Id, l.Resources)
	x.Book.AddTask(t)
	x.Feed.TaskAdded(t)
	x.ledger.use(l.Resources)
}

// launchGroup launches all tasks of a group, or none.
//
// Differs: Mesos records the executor of a group without tasks as running forever, although agents ignore the group.
func (x *acceptance) launchGroup(g validate.Group, tasks []*mesospb.TaskInfo) {
	f, a := x.framework, x.agent
	if len(tasks) == 0 {
		x.actor.Log().Warn().Stringer("framework_id", f.ID).Msg("task group without tasks ignored")
		return
	}
	if err := x.mayLaunchAll(g); err != nil {
		x.refuse(tasks, err.Error(), mesospb.TaskStatus_REASON_TASK_GROUP_UNAUTHORIZED)
		return
	}
	if err := validate.TaskGroup(g, f, a, x.ledger.available()); err != nil {
		x.refuse(tasks, err.Error(), mesospb.TaskStatus_REASON_TASK_GROUP_INVALID)
		return
	}
	onNewExecutor := x.addExecutor(g.Executor, g.ExecutorResources)
	for _, l := range g.Tasks {
		x.addTask(l)
	}
	f.Operated(mesospb.Offer_Operation_LAUNCH_GROUP)
	for i, l := range g.Tasks {
		g.Tasks[i] = x.labelled(l)
	}
	x.actor.Send(a.PID, runTaskGroup(g, f, a, onNewExecutor))
	x.actor.Log().Info().Int("tasks", len(tasks)).Stringer("executor_id", ids.ExecutorOf(g.Executor.ExecutorId)).
		Stringer("framework_id", f.ID).Stringer("agent_id", a.ID).Msg("task group launched")
}

// may returns an error if the framework is not authorized to do what an operation needs.
//
// Mesos: Master::_accept.
func (x *acceptance) may(needed authorization.ActionObject, kind mesospb.Offer_Operation_Type) error {
	principal := x.framework.Info.GetPrincipal()
	switch ok, err := needed.Allowed(x.by); {
	case err != nil:
		return fmt.Errorf("Failed to authorize principal '%s' to perform %s: %w", principal, kind, err)
	case !ok:
		return fmt.Errorf("Principal '%s' no authorized to %s", principal, needed)
	}
	return nil
}

// mayLaunch returns an error if the framework is not authorized to launch a task.
func (x *acceptance) mayLaunch(t *mesospb.TaskInfo) error {
	if x.by == nil {
		return nil
	}
	return x.may(authorization.RunTask(t, x.framework.Info), mesospb.Offer_Operation_LAUNCH)
}

// mayLaunchAll returns an error if the framework is not authorized to launch a task of a group. It is about the last such task,
// and words run together, as in Mesos.
func (x *acceptance) mayLaunchAll(g validate.Group) (why error) {
	if x.by == nil {
		return nil
	}
	for _, l := range g.Tasks {
		launch, id := authorization.RunTask(l.Task, x.framework.Info), l.Task.GetTaskId().GetValue()
		switch ok, err := launch.Allowed(x.by); {
		case err != nil:
			why = fmt.Errorf("Failed to authorize task '%s': %w", id, err)
		case !ok:
			why = fmt.Errorf("Task '%s' is not authorized to%s", id, launch)
		}
	}
	return why
}

// mayDo returns an error if the framework is not authorized to perform a valid operation.
func (x *acceptance) mayDo(op *mesospb.Offer_Operation) error {
	if x.by == nil {
		return nil
	}
	for _, action := range authorization.Operation(op) {
		if err := x.may(action, op.GetType()); err != nil {
			return err
		}
	}
	return nil
}
