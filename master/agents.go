package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/observer"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// Exited implements [runtime.Exiter]: the connection to a scheduler or to an agent broke.
//
// Mesos: Master::exited.
func (m *Master) Exited(pid runtime.PID) {
	if f := m.book.FrameworkAt(pid); f != nil {
		m.limits.InOrder(f, func() { m.schedulerExited(pid) })
		return
	}
	a := m.book.AgentAt(pid)
	if a == nil {
		return
	}
	if !a.Connected {
		m.Log().Warn().Stringer("agent_id", a.ID).Msg("agent that is disconnected exited once more")
		return
	}
	m.Log().Info().Stringer("agent_id", a.ID).Msg("agent disconnected")
	m.disconnectAgent(a)
}

// disconnectAgent takes its offers back and waits for the agent to come back. What belongs to frameworks that do not
// checkpoint cannot come back, and is lost at once.
func (m *Master) disconnectAgent(a *book.Agent) {
	a.Connected = false
	runtime.Tell(m.observers[a.ID], (*observer.Observer).Disconnected)
	m.cluster.DeactivateAgent(a)
	for _, id := range a.FrameworkIDs() {
		if f := m.book.Framework(id); !f.Info.GetCheckpoint() {
			m.cluster.RemoveFrameworkFrom(a, f)
		}
	}
	id := a.ID
	m.timers.disconnect[id] = m.Delay(m.config.AgentReregisterTimeout, func() { m.reregisterTimeout(id) })
}

// unregisterAgent lets an agent go that says good-bye.
//
// Mesos: Master::unregisterSlave.
func (m *Master) unregisterAgent(from runtime.PID, msg *internalpb.UnregisterSlaveMessage) {
	a := m.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil || a.PID != from {
		m.Log().Warn().Str("agent_id", msg.GetSlaveId().GetValue()).Stringer("from", from).Msg("an unknown agent unregisters, ignored")
		return
	}
	m.removeAgent(a, "the agent unregistered", &m.counts.Agents.Unregistered)
}

// ---- unreachable ----

// markUnreachable gives an agent up for the time being: in the registry first, so that no later master takes its tasks
// for running, and then towards the frameworks.
//
// Mesos: Master::markUnreachable.
func (m *Master) markUnreachable(info *mesospb.SlaveInfo, duringFailover bool, cause string) {
	id := ids.AgentOf(info.GetId())
	here := m.book.Agent(id) != nil
	if duringFailover {
		here = m.book.Recovered(id) != nil
	}
	if !here || m.book.In(id, book.Reregistering|book.MarkingUnreachable|book.MarkingGone|book.Removing) {
		m.Log().Info().Stringer("agent_id", id).Msg("agent is not marked unreachable: something else happened to it")
		return
	}
	m.book.Begin(id, book.MarkingUnreachable)
	since := &mesospb.TimeInfo{Nanoseconds: proto.Int64(m.Now().UnixNano())}
	m.registry.Write("mark an agent unreachable", registrar.MarkUnreachable{Info: info, Since: since}, func(accepted bool) {
		m.book.End(id, book.MarkingUnreachable)
		if !accepted {
			return // the registry does not know it any more
		}
		m.Log().Warn().Stringer("agent_id", id).Str("hostname", info.GetHostname()).Str("cause", cause).Msg("agent is unreachable")
		m.counts.Agents.Removals++
		m.counts.Agents.Unhealthy++
		m.book.AddUnreachable(id, since)
		if duringFailover {
			m.counts.Agents.LostInRecovery++
			m.book.DropRecovered(id)
			m.cluster.TellLost(info)
			return
		}
		m.loseAgent(m.book.Agent(id), cause, since)
	})
}

// loseAgent takes an agent that is unreachable out of the book, and its tasks for unreachable.
//
// Mesos: Master::__removeSlave.
func (m *Master) loseAgent(a *book.Agent, cause string, since *mesospb.TimeInfo) {
	m.allocator.RemoveAgent(a.ID)
	for _, t := range a.Tasks() {
		state := tasks.LostOr(mesospb.TaskState_TASK_UNREACHABLE, m.book.Framework(t.Framework).Capabilities)
		u := m.cluster.TaskUpdate(t, state, cause, mesospb.TaskStatus_REASON_SLAVE_REMOVED)
		u.Status.UnreachableTime = since
		m.cluster.EndTask(t, u, true)
	}
	m.forgetAgent(a)
}

// ---- removed ----

// removeAgent takes an agent out for good: it said good-bye, or another took its place. It is counted by reason, if
// there is one for metrics.
//
// Mesos: Master::removeSlave.
func (m *Master) removeAgent(a *book.Agent, cause string, reason *uint64) {
	id := a.ID
	if m.book.In(id, book.MarkingUnreachable|book.MarkingGone|book.Removing) {
		m.Log().Warn().Stringer("agent_id", id).Msg("agent is not removed: something else happens to it")
		return
	}
	m.book.Begin(id, book.Removing)
	m.registry.Write("remove an agent", registrar.RemoveAgent{ID: id}, func(bool) { // refused: the registry has forgotten it already
		m.book.End(id, book.Removing)
		m.counts.Agents.Removals++
		if reason != nil {
			*reason++
		}
		m.removed(m.book.Agent(id), cause)
	})
}

func (m *Master) removed(a *book.Agent, cause string) {
	m.Log().Info().Stringer("agent_id", a.ID).Str("hostname", a.Info.GetHostname()).Str("cause", cause).Msg("agent removed")
	m.allocator.RemoveAgent(a.ID)
	for _, t := range a.Tasks() {
		u := m.cluster.TaskUpdate(t, mesospb.TaskState_TASK_LOST, "Agent "+a.Info.GetHostname()+" removed: "+cause,
			mesospb.TaskStatus_REASON_SLAVE_REMOVED)
		m.cluster.EndTask(t, u, false)
	}
	m.forgetAgent(a)
	m.book.SetDeactivation(a.ID, book.Deactivation{})
}

// forgetAgent takes the rest of an agent without tasks out of the book.
func (m *Master) forgetAgent(a *book.Agent) {
	m.cluster.RemoveAgent(a)
	m.timers.disconnect[a.ID].Cancel()
	delete(m.timers.disconnect, a.ID)
	m.Node().Terminate(m.observers[a.ID].PID())
	delete(m.observers, a.ID)
	m.cluster.TellLost(a.Info)
}

// ---- changes of what an agent has ----

// updateAgent takes over what an agent can lend beyond its own, and the version of its resources.
//
// Mesos: Master::updateSlave.
func (m *Master) updateAgent(from runtime.PID, msg *internalpb.UpdateSlaveMessage) {
	a := m.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil {
		m.Log().Warn().Str("agent_id", msg.GetSlaveId().GetValue()).Stringer("from", from).Msg("update of an unknown agent ignored")
		return
	}
	if msg.ResourceVersionUuid != nil {
		a.ResourceVersion = msg.ResourceVersionUuid
	}
	total := m.updatedTotal(a, msg)
	if total.Equal(a.Total) {
		return
	}
	oversubscribed := !total.Revocable().Equal(a.Total.Revocable())
	a.Total = total
	m.allocator.UpdateAgent(a)
	m.rescindUnfit(a, oversubscribed)
}

// rescindUnfit takes back what a cannot keep of its offers: those of what is revocable, if that has changed, and all if it has
// no longer what is used and offered.
func (m *Master) rescindUnfit(a *book.Agent, revocable bool) {
	all := len(a.Offers()) > 0 && !a.Total.Contains(a.Used().Plus(a.Offered()).Unallocate())
	for _, o := range a.Offers() {
		if all || revocable && !o.Resources.Revocable().IsEmpty() {
			m.cluster.Offers.Rescind(o)
		}
	}
}

func (m *Master) updatedTotal(a *book.Agent, msg *internalpb.UpdateSlaveMessage) resources.Resources {
	own := a.Total.Filter(func(r resources.Resource) bool { _, provided := r.Provider(); return !provided })
	revocable := own.Revocable()
	if msg.UpdateOversubscribedResources == nil || msg.GetUpdateOversubscribedResources() {
		revocable = resources.FromValid(msg.GetOversubscribedResources())
	}
	total := own.NonRevocable().Plus(revocable)
	if msg.ResourceProviders == nil {
		return total.Plus(a.Total.Filter(func(r resources.Resource) bool { _, provided := r.Provider(); return provided }))
	}
	for _, p := range msg.GetResourceProviders().GetProviders() {
		total = total.Plus(resources.FromValid(p.GetTotalResources()))
	}
	return total
}
