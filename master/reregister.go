package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/events"
	"meseta/master/observer"
	"meseta/master/validate"
	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// reregisterAgent takes back an agent that has been registered before: after it restarted, after its connection broke,
// after it was given up as unreachable, or after this master took over.
//
// Mesos: Master::reregisterSlave.
func (m *Master) reregisterAgent(from runtime.PID, msg *internalpb.ReregisterSlaveMessage) {
	id := ids.AgentOf(msg.GetSlave().GetId())
	if m.book.In(id, book.Reregistering) {
		m.Log().Info().Stringer("agent_id", id).Msg("re-registration ignored: it is in progress already")
		return
	}
	if m.leaves(id) {
		return
	}
	if m.refuseGone(from, id) || m.refuseDown(from, msg.GetSlave()) {
		return
	}
	if err := validate.ReregisterAgent(msg); err != nil {
		m.Log().Warn().Err(err).Stringer("from", from).Stringer("agent_id", id).Msg("invalid re-registration of an agent dropped")
		return
	}
	m.book.Begin(id, book.Reregistering)
	runtime.Await(m, authorizer.Of(m.Authorizer, nil), func(a authorizer.Approver, err error) {
		if err = m.acceptable(a, err, msg.GetSlave(), msg.GetVersion()); err != nil {
			m.Log().Warn().Err(err).Stringer("from", from).Stringer("agent_id", id).Msg("re-registration of an agent refused")
			m.book.End(id, book.Reregistering)
			return
		}
		if m.leaves(id) || m.refuseGone(from, id) || m.refuseDown(from, msg.GetSlave()) {
			m.book.End(id, book.Reregistering)
			return
		}
		m.readmit(from, id, msg)
	})
}

// leaves reports, and logs, whether an agent is about to be no longer registered: its re-registration has to wait, and so
// is ignored; it tries again. It is asked again after every wait.
//
// Differs: the reference takes back an agent that is being removed, updates the registry for it and ends if that has
// removed it.
func (m *Master) leaves(id ids.Agent) bool {
	leaves := m.book.In(id, book.Leaving)
	if leaves {
		m.Log().Info().Stringer("agent_id", id).Msg("re-registration ignored: another change of the agent is in progress")
	}
	return leaves
}

// refuseGone shuts an agent down of which somebody said that it will never come back.
func (m *Master) refuseGone(from runtime.PID, id ids.Agent) bool {
	if _, gone := m.book.Gone(id); !gone {
		return false
	}
	m.Log().Warn().Stringer("agent_id", id).Msg("agent that is marked gone came back")
	m.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Agent has been marked gone")})
	return true
}

// readmit brings the registry up to date, and continues with an agent that is registered, or that has to be entered
// into the book again.
func (m *Master) readmit(from runtime.PID, id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	info := msg.GetSlave()
	admitted := func(then func(runtime.PID, ids.Agent, *internalpb.ReregisterSlaveMessage)) func(bool) {
		return func(accepted bool) {
			if !accepted { // it went meanwhile, and will try again
				m.book.End(id, book.Reregistering)
				return
			}
			then(from, id, msg)
		}
	}
	known, was := m.book.Agent(id), m.book.Recovered(id)
	switch {
	case known != nil && (cluster.HostOf(known.PID) != cluster.HostOf(from) || known.Info.GetHostname() != info.GetHostname()):
		m.Log().Warn().Stringer("agent_id", id).Stringer("from", from).Msg("agent came back at another address")
		m.Send(from, &internalpb.ShutdownMessage{
			Message: proto.String("Agent attempted to reregister with different IP / hostname"),
		})
		m.book.End(id, book.Reregistering)
	case known != nil && equal.Agent(known.Info, info):
		m.returned(from, id, msg)
	case known != nil:
		m.registry.Write("update an agent", registrar.UpdateAgent{Info: info}, admitted(m.returned))
	case was != nil && equal.Agent(was, info):
		m.restored(from, id, msg)
	case was != nil:
		m.registry.Write("update an agent", registrar.UpdateAgent{Info: info}, admitted(m.restored))
	default:
		m.registry.Write("readmit an agent", registrar.MarkReachable{Info: info}, admitted(m.restored))
	}
}

// ---- an agent that this master has to learn of ----

// restored enters an agent with all that it runs.
//
// Mesos: Master::__reregisterSlave.
func (m *Master) restored(from runtime.PID, id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	m.book.End(id, book.Reregistering)
	if m.leaves(id) || m.refuseGone(from, id) {
		return
	}
	lost := m.book.Recovered(id) == nil // given up, or never heard of, rather than expected
	_, unreachable := m.book.Unreachable(id)
	m.book.DropUnreachable(id)
	m.book.DropRecovered(id)
	m.book.DropRemoved(id)

	a := book.NewAgent(msg.GetSlave(), from)
	now := m.Now()
	a.Registered, a.Reregistered = now, now
	m.describe(a, msg)
	m.enter(a)
	m.adoptFrameworks(msg.GetFrameworks())
	m.adoptExecutors(a, msg)
	m.adoptTasks(a, msg, lost, unreachable)
	m.allocator.AddAgent(a)
	m.cluster.Feed.AgentAdded(id)

	m.Send(from, &internalpb.SlaveReregisteredMessage{SlaveId: a.Info.Id, Connection: m.connection()})
	m.shutdownCompleted(a, msg.GetFrameworks())
	m.killDuplicates(a)
	m.updateFrameworksOf(a, msg.GetFrameworks())
	m.resumeDeactivation(a)
	m.counts.Agents.Reregistrations++
	m.Log().Info().Stringer("agent_id", id).Stringer("pid", from).Int("tasks", len(msg.GetTasks())).
		Stringer("resources", a.Total).Msg("agent re-registered")
	m.removeIfDown(a)
}

func (m *Master) describe(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	a.Info, a.Version, a.ResourceVersion = msg.GetSlave(), msg.GetVersion(), msg.ResourceVersionUuid
	a.Checkpointed = msg.GetCheckpointedResources()
	a.Announce(msg.GetAgentCapabilities())
	a.Total = agentTotal(a.Info, a.Checkpointed)
}

// describeAgain is describe for an agent that is registered. What old agents have reserved is for the master to decide,
// which tells them; newer ones know it themselves, and tell later what else they have.
//
// Differs: the reference forgets what an old agent has that is revocable.
func (m *Master) describeAgain(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	old, total, checkpointed := !a.Capabilities.ResourceProvider, a.Total, a.Checkpointed
	m.describe(a, msg)
	if old {
		a.Checkpointed = checkpointed
		a.Total = agentTotal(a.Info, checkpointed).NonRevocable().Plus(total.Revocable())
	}
}

// adoptFrameworks enters frameworks that this master knows from their agents only, so that every task has one.
func (m *Master) adoptFrameworks(infos []*mesospb.FrameworkInfo) {
	for _, info := range infos {
		id := ids.FrameworkOf(info.GetId())
		if m.book.Framework(id) == nil && !m.book.IsCompleted(id) {
			m.cluster.RecoverFramework(info)
		}
	}
}

func (m *Master) adoptExecutors(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	for _, info := range msg.GetExecutorInfos() {
		f := m.book.Framework(ids.FrameworkOf(info.GetFrameworkId()))
		if f == nil {
			continue // it is completed, and will be shut down
		}
		m.book.AddExecutor(&book.Executor{
			ID: ids.ExecutorOf(info.GetExecutorId()), Framework: f.ID, Agent: a.ID, Info: info,
			Resources: heldBy(f, info.GetResources()),
		})
	}
}

// adoptTasks enters the tasks of an agent. If they had been given up, their schedulers hear that they are alive.
func (m *Master) adoptTasks(a *book.Agent, msg *internalpb.ReregisterSlaveMessage, lost, unreachable bool) {
	message := "Unknown agent reregistered"
	if unreachable {
		message = "Unreachable agent re-reregistered"
	}
	for _, described := range msg.GetTasks() {
		f := m.book.Framework(ids.FrameworkOf(described.GetFrameworkId()))
		if f == nil {
			continue // it is completed, and will be shut down
		}
		t := book.KnownTask(described, heldBy(f, described.GetResources()))
		if f.Task(t.ID) != nil {
			m.book.AddDuplicate(t)
			continue
		}
		if lost || f.UnreachableTask(t.ID) != nil {
			f.ForgetPast(t.ID)
		}
		m.book.AddTask(t)
		m.cluster.Feed.TaskAdded(t)
		if lost && f.Connected() {
			u := m.cluster.TaskUpdate(t, t.State, message, mesospb.TaskStatus_REASON_SLAVE_REREGISTERED)
			cluster.RepeatLast(u.Status, t)
			m.cluster.Forward(u, events.NoPID, f)
		}
	}
}

// heldBy reads resources that a task or an executor of f holds, all in one role; old agents do not tell in which, and
// run frameworks of one role only.
func heldBy(f *book.Framework, ps []*mesospb.Resource) resources.Resources {
	rs := resources.FromValid(ps)
	role := "*"
	if roles := append(rs.AllocationRoles(), f.Roles...); len(roles) > 0 {
		role = roles[0]
	}
	return rs.Allocate(role)
}

// shutdownCompleted tells a to end those frameworks that are over.
func (m *Master) shutdownCompleted(a *book.Agent, infos []*mesospb.FrameworkInfo) {
	for _, info := range infos {
		if m.book.IsCompleted(ids.FrameworkOf(info.GetId())) {
			m.Send(a.PID, &internalpb.ShutdownFrameworkMessage{FrameworkId: info.Id})
		}
	}
}

// updateFrameworksOf tells a where the schedulers of its frameworks are now, and who they are.
func (m *Master) updateFrameworksOf(a *book.Agent, infos []*mesospb.FrameworkInfo) {
	for _, info := range infos {
		if f := m.book.Framework(ids.FrameworkOf(info.GetId())); f != nil {
			m.Send(a.PID, cluster.FrameworkUpdate(f))
		}
	}
}

// ---- an agent that is registered ----

// returned brings the book and the agent to the same view.
//
// Mesos: Master::___reregisterSlave.
func (m *Master) returned(from runtime.PID, id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	m.book.End(id, book.Reregistering)
	if m.leaves(id) || m.refuseGone(from, id) {
		return
	}
	a := m.book.Agent(id)
	if a == nil {
		m.Log().Warn().Stringer("agent_id", id).Msg("re-registration dropped: the agent was removed meanwhile")
		return
	}
	m.moveAgent(a, from)
	m.describeAgain(a, msg)
	a.Reregistered = m.Now()
	m.allocator.UpdateAgent(a)
	m.rescindUnfit(a, false)

	m.adoptFrameworks(msg.GetFrameworks())
	m.reconcileAgent(a, msg)
	m.endGivenUp(a, msg)
	m.reconnectAgent(a)
	m.updateFrameworksOf(a, msg.GetFrameworks())
	if !a.Capabilities.ResourceProvider {
		m.Send(a.PID, &internalpb.CheckpointResourcesMessage{Resources: a.Checkpointed})
	}
	m.resumeDeactivation(a)
	m.Log().Info().Stringer("agent_id", id).Stringer("pid", from).Msg("agent re-registered")
}

func (m *Master) moveAgent(a *book.Agent, to runtime.PID) {
	if a.PID != to {
		if other := m.book.AgentAt(to); other != nil {
			m.removeAgent(other, "another agent re-registered at the same address", &m.counts.Agents.Replaced)
		}
		m.book.MoveAgent(a, to)
		m.Node().Terminate(m.observers[a.ID].PID())
		m.observe(a)
	}
	m.Link(to)
}

func (m *Master) reconnectAgent(a *book.Agent) {
	runtime.Tell(m.observers[a.ID], (*observer.Observer).Reregistered)
	if a.Connected {
		return
	}
	if timer, ok := m.timers.disconnect[a.ID]; ok {
		timer.Cancel()
		delete(m.timers.disconnect, a.ID)
	}
	a.Connected = true
	if !a.Deactivated {
		a.Active = true
		m.allocator.ActivateAgent(a.ID)
	}
}

// reconcileAgent compares what the book says a runs with what a says.
//
// Mesos: Master::reconcileKnownSlave.
func (m *Master) reconcileAgent(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	reported := map[book.TaskKey]*mesospb.Task{}
	for _, t := range msg.GetTasks() {
		reported[book.TaskKey{Framework: ids.FrameworkOf(t.GetFrameworkId()), Task: ids.TaskOf(t.GetTaskId())}] = t
	}
	m.Send(a.PID, &internalpb.SlaveReregisteredMessage{
		SlaveId: a.Info.Id, Connection: m.connection(), Reconciliations: m.reconciliations(a, reported),
	})
	m.dropUnknownExecutors(a, msg.GetExecutorInfos())
	for _, t := range a.Duplicates() {
		if reported[book.TaskKey{Framework: t.Framework, Task: t.ID}] == nil {
			m.cluster.RemoveDuplicate(t)
		}
	}
	m.killDuplicates(a)
	for _, t := range a.Tasks() {
		key := book.TaskKey{Framework: t.Framework, Task: t.ID}
		if t.Killed && reported[key] != nil && !tasks.IsTerminal(reported[key].GetState()) {
			m.Log().Warn().Stringer("task_id", t.ID).Stringer("agent_id", a.ID).Msg("task was to be killed, killing it again")
			m.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: t.Framework.Proto(), TaskId: t.Described.TaskId})
		}
	}
	m.shutdownCompleted(a, msg.GetFrameworks())
}

// reconciliations asks a, framework by framework, about tasks that it did not report.
func (m *Master) reconciliations(a *book.Agent, reported map[book.TaskKey]*mesospb.Task) []*internalpb.ReconcileTasksMessage {
	var asked []*internalpb.ReconcileTasksMessage
	for _, t := range a.Tasks() {
		if reported[book.TaskKey{Framework: t.Framework, Task: t.ID}] != nil {
			continue
		}
		f := m.book.Framework(t.Framework)
		if n := len(asked); n == 0 || ids.FrameworkOf(asked[n-1].GetFrameworkId()) != t.Framework {
			asked = append(asked, &internalpb.ReconcileTasksMessage{FrameworkId: t.Framework.Proto(), Framework: f.Info})
		}
		last := asked[len(asked)-1]
		last.Statuses = append(last.Statuses, &mesospb.TaskStatus{
			TaskId: t.Described.TaskId, SlaveId: a.Info.Id, State: t.Told().Enum(),
			Source: mesospb.TaskStatus_SOURCE_MASTER.Enum(), Message: proto.String("Reconciliation request"),
			Reason: mesospb.TaskStatus_REASON_RECONCILIATION.Enum(), Timestamp: proto.Float64(m.cluster.Seconds()),
		})
	}
	return asked
}

// endGivenUp ends what a still runs of frameworks without checkpointing: it was taken for lost when the connection broke,
// and what it uses is free to be offered.
//
// Differs: Mesos does not look, and it runs on beside what is launched in its place.
func (m *Master) endGivenUp(a *book.Agent, msg *internalpb.ReregisterSlaveMessage) {
	if a.Connected {
		return
	}
	given := func(f *mesospb.FrameworkID) bool {
		framework := m.book.Framework(ids.FrameworkOf(f))
		return framework != nil && !framework.Info.GetCheckpoint()
	}
	for _, e := range msg.GetExecutorInfos() {
		key := book.ExecutorKey{Framework: ids.FrameworkOf(e.GetFrameworkId()), Executor: ids.ExecutorOf(e.GetExecutorId())}
		if given(e.GetFrameworkId()) && a.Executor(key) == nil {
			m.Send(a.PID, &internalpb.ShutdownExecutorMessage{ExecutorId: e.ExecutorId, FrameworkId: e.FrameworkId})
		}
	}
	for _, t := range msg.GetTasks() {
		key := book.TaskKey{Framework: ids.FrameworkOf(t.GetFrameworkId()), Task: ids.TaskOf(t.GetTaskId())}
		if given(t.GetFrameworkId()) && a.Task(key) == nil && !tasks.IsTerminal(t.GetState()) {
			m.Send(a.PID, &internalpb.KillTaskMessage{FrameworkId: t.FrameworkId, TaskId: t.TaskId})
		}
	}
}

func (m *Master) dropUnknownExecutors(a *book.Agent, infos []*mesospb.ExecutorInfo) {
	reported := map[book.ExecutorKey]bool{}
	for _, info := range infos {
		reported[book.ExecutorKey{
			Framework: ids.FrameworkOf(info.GetFrameworkId()), Executor: ids.ExecutorOf(info.GetExecutorId()),
		}] = true
	}
	for _, e := range a.Executors() {
		if !reported[book.ExecutorKey{Framework: e.Framework, Executor: e.ID}] {
			m.Log().Warn().Stringer("executor_id", e.ID).Stringer("agent_id", a.ID).Msg("executor is unknown to its agent, removed")
			m.cluster.RemoveExecutor(e)
		}
	}
}
