package agents

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/events"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// restored adds an agent with everything that it runs to the book.
//
// Mesos: Master::__reregisterSlave.
func (r *Registrations) restored(from runtime.PID, id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	r.book.End(id, book.Reregistering)
	defer r.end(id)
	if r.leaves(id) || r.refuseGone(from, id) {
		return
	}
	lost := r.book.Recovered(id) == nil // was unreachable or unknown, rather than expected
	_, unreachable := r.book.Unreachable(id)
	r.book.DropUnreachable(id)
	r.book.DropRecovered(id)
	r.book.DropRemoved(id)

	a := book.NewAgent(msg.GetSlave(), from)
	now := r.Now()
	a.Registered, a.Reregistered = now, now
	r.describe(a, msg)
	r.enter(a, r.watch.beginSoon)
	r.adoptFrameworks(msg.GetFrameworks(), len(msg.GetTasks()))
	r.adoptExecutors(a, msg)
	r.adoptTasks(a, msg, lost, unreachable)
	r.cluster.Allocator.AddAgent(a)
	r.cluster.Feed.AgentAdded(id)

	r.Send(from, &internalpb.SlaveReregisteredMessage{SlaveId: a.Info.Id, Connection: r.connection})
	r.shutdownCompleted(a, msg.GetFrameworks())
	r.killDuplicates(a)
	r.updateFrameworksOf(a, msg.GetFrameworks())
	r.drains.Resume(a)
	r.counts.Reregistrations++
	r.Log().Info().Stringer("agent_id", id).Stringer("pid", from).Int("tasks", len(msg.GetTasks())).
		Stringer("resources", a.Total).Msg("agent re-registered")
	r.maintenance.removeIfDown(a)
}

func (r *Registrations) describe(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	a.Info, a.Version = msg.GetSlave(), msg.GetVersion()
	a.Announce(msg.GetAgentCapabilities())
	a.Ledger = ledger.Start(r.taken.totalOf(a.Info), msg.GetCheckpointedResources(), msg.ResourceVersionUuid)
}

// adoptFrameworks adds frameworks that this master knows only from their agents, so that every task has a framework. The agent
// has so many tasks; others that are yet to come back may have as many.
func (r *Registrations) adoptFrameworks(infos []*mesospb.FrameworkInfo, tasks int) {
	for _, info := range infos {
		id := ids.FrameworkOf(info.GetId())
		if r.book.Framework(id) == nil && !r.book.IsCompleted(id) {
			r.cluster.RecoverFramework(info)
			r.book.Framework(id).Expect(min(tasks*(r.book.NumRecovered()+1), mostExpected))
		}
	}
}

// mostExpected bounds the room that is made for the tasks of a framework, two megabytes of it.
const mostExpected = 1 << 16

func (r *Registrations) adoptExecutors(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	for _, info := range msg.GetExecutorInfos() {
		f := r.book.Framework(ids.FrameworkOf(info.GetFrameworkId()))
		if f == nil {
			continue // it is completed, and will be shut down
		}
		r.book.AddExecutor(&book.Executor{
			ID: ids.ExecutorOf(info.GetExecutorId()), Framework: f.ID, Agent: a.ID, Info: info,
			Resources: heldBy(f, info.GetResources()),
		})
	}
}

// adoptTasks adds the tasks of an agent. If lost is true, their schedulers are told that they run.
func (r *Registrations) adoptTasks(a *book.Agent, msg *internalpb.ReregisterSlaveMessage, lost, unreachable bool) {
	message := "Unknown agent reregistered"
	if unreachable {
		message = "Unreachable agent re-reregistered"
	}
	made := book.Tasks{Coming: len(msg.GetTasks())}
	a.Expect(len(msg.GetTasks()))
	for _, described := range msg.GetTasks() {
		f := r.book.Framework(ids.FrameworkOf(described.GetFrameworkId()))
		if f == nil {
			continue // it is completed, and will be shut down
		}
		t := made.Known(described, r.taken.heldBy(f, described.GetResources()))
		if !r.book.AddTaskOf(f, a, t) {
			r.book.AddDuplicate(t)
			continue
		}
		if lost || f.UnreachableTask(t.ID) != nil {
			f.ForgetPast(t.ID)
		}
		r.cluster.Feed.TaskAdded(t)
		if lost && f.Connected() {
			u := r.cluster.TaskUpdate(t, t.State, message, mesospb.TaskStatus_REASON_SLAVE_REREGISTERED)
			cluster.RepeatLast(u.Status, t)
			r.cluster.Forward(u, events.NoPID, f)
		}
	}
}

// shutdownCompleted makes a shut down frameworks that are completed.
func (r *Registrations) shutdownCompleted(a *book.Agent, infos []*mesospb.FrameworkInfo) {
	for _, info := range infos {
		if r.book.IsCompleted(ids.FrameworkOf(info.GetId())) {
			r.Send(a.PID, &internalpb.ShutdownFrameworkMessage{FrameworkId: info.Id})
		}
	}
}

// updateFrameworksOf sends a the current PIDs and descriptions of its frameworks.
func (r *Registrations) updateFrameworksOf(a *book.Agent, infos []*mesospb.FrameworkInfo) {
	for _, info := range infos {
		if f := r.book.Framework(ids.FrameworkOf(info.GetId())); f != nil {
			r.Send(a.PID, cluster.FrameworkUpdate(f))
		}
	}
}
