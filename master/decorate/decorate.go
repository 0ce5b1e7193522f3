// Package decorate has hooks change what frameworks launch, and tells them of lost agents. It does so beside the master's
// turns. The calls of a framework stay in order: those that come while hooks look at a launch are carried out after it.
// Hooks have a minute for each launch, and the calls that wait are bounded.
//
// Differs: Mesos asks for labels when a task has been found valid. Here hooks are asked before that, so that a launch is
// carried out within one turn.
package decorate

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// mostWaiting is how much of the calls of one framework may wait for hooks, in bytes.
const mostWaiting = 16 << 20

// Decorator has hooks look at the launches of a master's frameworks. It belongs to the master's actor and may be used
// only on its turns.
type Decorator struct {
	*runtime.Actor // the master's
	book           *book.Book
	hooks          *hooks.Hooks
	launches       bool // whether a hook looks at launches
	order          order
}

// Labels are those with which tasks are sent to their agents. A task that is not in it keeps its own.
type Labels map[ids.Task]*mesospb.Labels

// New returns the decorator of a master with the book known. nil hooks change nothing.
func New(actor *runtime.Actor, known *book.Book, h *hooks.Hooks) *Decorator {
	launches := h.Has(func(x hooks.Hook) bool {
		return x.MasterLaunchTaskLabelDecorator != nil || x.MasterLaunchTaskResourceDecorator != nil
	})
	return &Decorator{Actor: actor, book: known, hooks: h, launches: launches}
}

// InOrder calls f, which ends the connection of a framework, when hooks have looked at all earlier launches of the
// framework. Usually that is at once.
func (d *Decorator) InOrder(id ids.Framework, f func()) {
	d.order.run(id, 0, runtime.BegunHere(d, f))
}

// Handle calls f, which carries out a call of a framework, when hooks have looked at all earlier launches of the
// framework. Usually that is at once. It fails, and f is never called, if too many calls wait.
func (d *Decorator) Handle(id ids.Framework, call proto.Message, f func()) error {
	if !d.order.held(id) {
		f()
		return nil
	}
	size := proto.Size(call) + perCall
	if d.order.size(id)+size > mostWaiting {
		return fmt.Errorf("%d bytes of calls wait for hooks", d.order.size(id))
	}
	d.order.run(id, size, runtime.BegunHere(d, f))
	return nil
}

// Waits reports whether hooks look at a launch of the framework.
func (d *Decorator) Waits(id ids.Framework) bool { return d.order.held(id) }

// Accept has hooks look at the tasks of an ACCEPT of f, and then calls carryOut, unless f has ended meanwhile. The offers
// may have become invalid by then.
//
// Mesos: Master::accept, and the labels of Master::_accept.
func (d *Decorator) Accept(f *book.Framework, call *schedulerpb.Call_Accept, carryOut func(*book.Framework, *schedulerpb.Call_Accept, Labels)) {
	agent := d.agentOf(f, call)
	if !d.launches || agent == nil || !launches(call) {
		carryOut(f, call, nil)
		return
	}
	id, l := f.ID, launch{hooks: d.hooks, framework: f.Info, agent: agent.Info, total: agent.Ledger.Total.Proto(), labels: Labels{}}
	d.order.hold(id)
	looked := runtime.Go(d, func(ctx context.Context) (decorated, error) { return l.accept(ctx, call), nil })
	runtime.Await(d, runtime.Within(d, looked, hooks.LaunchPatience, hooks.ErrPatience), func(r decorated, err error) {
		if err != nil {
			r = decorated{call: call, failed: []error{err}}
		}
		if r.failed != nil {
			d.Log().Warn().Errs("errors", r.failed).Stringer("framework_id", id).Msg("launched tasks not decorated")
		}
		if f := d.book.Framework(id); f != nil {
			carryOut(f, r.call, r.labels)
		}
		d.order.release(id)
	})
}

// agentOf returns the agent of the offers that a call accepts; nil means that they are not valid.
func (d *Decorator) agentOf(f *book.Framework, call *schedulerpb.Call_Accept) *book.Agent {
	if len(call.GetOfferIds()) == 0 {
		return nil
	}
	o := d.book.Offer(ids.OfferOf(call.GetOfferIds()[0]))
	if o == nil || o.Framework != f.ID {
		return nil
	}
	return d.book.Agent(o.Agent)
}

func launches(call *schedulerpb.Call_Accept) bool {
	for _, op := range call.GetOperations() {
		if op.GetLaunch() != nil || op.GetLaunchGroup() != nil {
			return true
		}
	}
	return false
}

// Lost tells the hooks that an agent was removed or is unreachable.
//
// Mesos: Master::sendSlaveLost.
func (d *Decorator) Lost(agent *mesospb.SlaveInfo) {
	if !d.hooks.Has(func(x hooks.Hook) bool { return x.MasterSlaveLostHook != nil }) {
		return
	}
	told := runtime.Go(d, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.hooks.MasterSlaveLostHook(ctx, agent)
	})
	runtime.Await(d, told, func(_ struct{}, err error) {
		if err != nil {
			d.Log().Warn().Err(err).Str("agent_id", agent.GetId().GetValue()).Msg("not all hooks were told that an agent is lost")
		}
	})
}

// launch is what hooks see of an ACCEPT, and what comes of it.
type launch struct {
	hooks     *hooks.Hooks
	framework *mesospb.FrameworkInfo
	agent     *mesospb.SlaveInfo
	total     []*mesospb.Resource // of the agent

	labels Labels
	failed []error
}

// decorated is an ACCEPT as hooks want it.
type decorated struct {
	call   *schedulerpb.Call_Accept
	labels Labels
	failed []error
}

// accept returns a call whose tasks have the resources that hooks give them. It blocks.
func (l *launch) accept(ctx context.Context, call *schedulerpb.Call_Accept) decorated {
	call = shallow.Copy(call)
	operations := make([]*mesospb.Offer_Operation, len(call.GetOperations()))
	for i, op := range call.GetOperations() {
		op = shallow.Copy(op)
		if op.Launch != nil {
			op.Launch = &mesospb.Offer_Operation_Launch{TaskInfos: l.tasks(ctx, op.Launch.GetTaskInfos(), nil)}
		}
		if group := op.GetLaunchGroup().GetTaskGroup(); group != nil {
			op.LaunchGroup = shallow.Copy(op.LaunchGroup)
			op.LaunchGroup.TaskGroup = &mesospb.TaskGroupInfo{Tasks: l.tasks(ctx, group.GetTasks(), op.LaunchGroup.GetExecutor())}
		}
		operations[i] = op
	}
	call.Operations = operations
	return decorated{call, l.labels, l.failed}
}

// tasks returns tasks with the resources that hooks give them, and keeps the labels. executor is that of their group; nil
// means that they are in none.
func (l *launch) tasks(ctx context.Context, all []*mesospb.TaskInfo, executor *mesospb.ExecutorInfo) []*mesospb.TaskInfo {
	decorated := make([]*mesospb.TaskInfo, len(all))
	for i, t := range all {
		t = shallow.Copy(t)
		if decorated[i] = t; executor != nil && t.Executor == nil {
			t = shallow.Copy(t)
			t.Executor = executor
		}
		var resources error
		t.Resources, resources = l.hooks.MasterLaunchTaskResourceDecorator(ctx, t, l.total)
		decorated[i].Resources = t.Resources
		id := ids.TaskOf(t.GetTaskId())
		of, labels := l.hooks.MasterLaunchTaskLabelDecorator(ctx, t, l.framework, l.agent)
		if _, twice := l.labels[id]; !twice { // of tasks with the same ID only the first is launched
			l.labels[id] = of
		}
		for _, err := range []error{resources, labels} {
			if err != nil {
				l.failed = append(l.failed, err)
			}
		}
	}
	return decorated
}
