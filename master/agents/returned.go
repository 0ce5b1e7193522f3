package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// returned re-registers an agent that is in the book, and reconciles the two.
//
// Mesos: Master::___reregisterSlave.
func (r *Registrations) returned(from runtime.PID, id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	r.book.End(id, book.Reregistering)
	defer r.end(id)
	if r.leaves(id) || r.refuseGone(from, id) {
		return
	}
	if r.removed(id) {
		return
	}
	a := r.book.Agent(id)
	r.move(a, from)
	r.describeAgain(a, msg)
	r.dropUnacknowledgeable(a)
	a.Reregistered = r.Now()
	r.cluster.Allocator.UpdateAgent(a)
	r.rescindUnfit(a, false)

	r.adoptFrameworks(msg.GetFrameworks(), len(msg.GetTasks()))
	r.reconcile(a, msg)
	r.endGivenUp(a, msg)
	r.reconnect(a)
	r.updateFrameworksOf(a, msg.GetFrameworks())
	if !a.Capabilities.ResourceProvider {
		r.Send(a.PID, cluster.CheckpointResources(a))
	}
	r.drains.Resume(a)
	r.Log().Info().Stringer("agent_id", id).Stringer("pid", from).Msg("agent re-registered")
}

// describeAgain is describe for a registered agent. The master decides which resources of an agent without
// RESOURCE_PROVIDER are reserved, and tells the agent; a newer agent knows its own reservations and reports its other
// resources later.
//
// Differs: Mesos forgets the revocable resources of an old agent.
func (r *Registrations) describeAgain(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	old, before := !a.Capabilities.ResourceProvider, a.Ledger
	r.describe(a, msg)
	if old {
		a.Ledger = ledger.New(a.Info.GetResources(), before.Checkpointed.Proto(), msg.ResourceVersionUuid)
		a.Total = a.Total.NonRevocable().Plus(before.Total.Revocable())
	}
}

func (r *Registrations) move(a *book.Agent, to runtime.PID) {
	if a.PID != to {
		if other := r.book.AgentAt(to); other != nil {
			r.removals.Remove(other, "another agent re-registered at the same address", &r.counts.Replaced)
		}
		r.book.MoveAgent(a, to)
		r.watch.moved(a)
	}
	r.Link(to)
}

func (r *Registrations) reconnect(a *book.Agent) {
	r.watch.reregistered(a)
	if a.Connected {
		return
	}
	a.Connected = true
	if !a.Deactivated {
		a.Active = true
		r.cluster.Allocator.ActivateAgent(a.ID)
	}
}

// reconcile compares what a runs according to the book with what it reports.
//
// Mesos: Master::reconcileKnownSlave.
func (r *Registrations) reconcile(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	reported := map[book.TaskKey]*mesospb.Task{}
	for _, t := range msg.GetTasks() {
		reported[book.TaskKey{Framework: ids.FrameworkOf(t.GetFrameworkId()), Task: ids.TaskOf(t.GetTaskId())}] = t
	}
	r.Send(a.PID, &internalpb.SlaveReregisteredMessage{
		SlaveId: a.Info.Id, Connection: r.connection, Reconciliations: r.reconciliations(a, reported),
	})
	r.dropUnknownExecutors(a, msg.GetExecutorInfos())
	for _, t := range a.Duplicates() {
		if reported[book.TaskKey{Framework: t.Framework, Task: t.ID}] == nil {
			r.cluster.RemoveDuplicate(t)
		}
	}
	r.killDuplicates(a)
	for _, t := range a.Tasks() {
		key := book.TaskKey{Framework: t.Framework, Task: t.ID}
		if t.Killed && reported[key] != nil && !tasks.IsTerminal(reported[key].GetState()) {
			r.Log().Warn().Stringer("task_id", t.ID).Stringer("agent_id", a.ID).Msg("task was to be killed, killing it again")
			r.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: t.Framework.Proto(), TaskId: t.Described.TaskId})
		}
	}
	r.shutdownCompleted(a, msg.GetFrameworks())
}

// reconciliations returns one message for each framework, asking a about tasks that it did not report.
func (r *Registrations) reconciliations(a *book.Agent, reported map[book.TaskKey]*mesospb.Task) []*internalpb.ReconcileTasksMessage {
	var asked []*internalpb.ReconcileTasksMessage
	for _, t := range a.Tasks() {
		if reported[book.TaskKey{Framework: t.Framework, Task: t.ID}] != nil {
			continue
		}
		f := r.book.Framework(t.Framework)
		if n := len(asked); n == 0 || ids.FrameworkOf(asked[n-1].GetFrameworkId()) != t.Framework {
			asked = append(asked, &internalpb.ReconcileTasksMessage{FrameworkId: t.Framework.Proto(), Framework: f.Info})
		}
		last := asked[len(asked)-1]
		last.Statuses = append(last.Statuses, &mesospb.TaskStatus{
			TaskId: t.Described.TaskId, SlaveId: a.Info.Id, State: t.Told().Enum(),
			Source: mesospb.TaskStatus_SOURCE_MASTER.Enum(), Message: proto.String("Reconciliation request"),
			Reason: mesospb.TaskStatus_REASON_RECONCILIATION.Enum(), Timestamp: proto.Float64(r.cluster.Seconds()),
		})
	}
	return asked
}

// endGivenUp shuts down what a still runs of frameworks without checkpointing. When a's connection broke, it was
// considered lost, and its resources became available to others.
//
// Differs: Mesos does not check this, so that such tasks continue to run beside those launched in their place.
func (r *Registrations) endGivenUp(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	if a.Connected {
		return
	}
	given := func(f *mesospb.FrameworkID) bool {
		framework := r.book.Framework(ids.FrameworkOf(f))
		return framework != nil && !framework.Info.GetCheckpoint()
	}
	for _, e := range msg.GetExecutorInfos() {
		key := book.ExecutorKey{Framework: ids.FrameworkOf(e.GetFrameworkId()), Executor: ids.ExecutorOf(e.GetExecutorId())}
		if given(e.GetFrameworkId()) && a.Executor(key) == nil {
			r.Send(a.PID, &internalpb.ShutdownExecutorMessage{ExecutorId: e.ExecutorId, FrameworkId: e.FrameworkId})
		}
	}
	for _, t := range msg.GetTasks() {
		key := book.TaskKey{Framework: ids.FrameworkOf(t.GetFrameworkId()), Task: ids.TaskOf(t.GetTaskId())}
		if given(t.GetFrameworkId()) && a.Task(key) == nil && !tasks.IsTerminal(t.GetState()) {
			r.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: t.FrameworkId, TaskId: t.TaskId})
		}
	}
}

func (r *Registrations) dropUnknownExecutors(a *book.Agent, infos []*mesospb.ExecutorInfo) {
	reported := map[book.ExecutorKey]bool{}
	for _, info := range infos {
		reported[book.ExecutorKey{
			Framework: ids.FrameworkOf(info.GetFrameworkId()), Executor: ids.ExecutorOf(info.GetExecutorId()),
		}] = true
	}
	for _, e := range a.Executors() {
		if !reported[book.ExecutorKey{Framework: e.Framework, Executor: e.ID}] {
			r.Log().Warn().Stringer("executor_id", e.ID).Stringer("agent_id", a.ID).Msg("executor is unknown to its agent, removed")
			r.cluster.RemoveExecutor(e)
		}
	}
}
