package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/events"
	"meseta/master/leadership"
	"meseta/master/refusal"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// CanDrain says why an agent cannot be drained although it may be known.
func (m *Master) CanDrain(id ids.Agent) error {
	a := m.book.Agent(id)
	if a == nil {
		return nil
	}
	switch machine := cluster.MachineOf(a); {
	case m.Maintenance().Includes(machine):
		return refusal.New(refusal.Invalid, "Agent %s is part of a maintenance schedule under Machine %s (%s)", id, machine.Hostname, machine.IP)
	case !a.Capabilities.AgentDraining:
		return refusal.New(refusal.Invalid, "Agent %s is not capable of draining", id)
	}
	return nil
}

// DrainAgent has nobody offered the agent's resources any more and kills its tasks. When they are over it is drained, or
// gone if that is wished.
//
// Mesos: Master::Http::drainAgent.
func (m *Master) DrainAgent(id ids.Agent, config *mesospb.DrainConfig) leadership.Done {
	if err := m.refuseUnknown(id); err != nil {
		return leadership.Failed(err)
	}
	return m.registry.Store("drain an agent", registrar.DeactivateAgent{ID: id, Drain: config}, func() error {
		info := &mesospb.DrainInfo{State: mesospb.DrainState_DRAINING.Enum(), Config: config}
		m.book.SetDeactivation(id, book.Deactivation{Deactivated: true, Drain: info})
		if a := m.book.Agent(id); a != nil {
			m.Log().Info().Stringer("agent_id", id).Int("tasks", a.TaskCount()).Msg("agent drains")
			m.cluster.DeactivateAgent(a)
			m.tellToDrain(a)
		}
		return nil
	})
}

// refuseUnknown refuses decisions about an agent that is not known, or is about to be gone.
func (m *Master) refuseUnknown(id ids.Agent) error {
	_, unreachable := m.book.Unreachable(id)
	switch {
	case m.book.Agent(id) == nil && m.book.Recovered(id) == nil && !unreachable:
		return refusal.New(refusal.Invalid, "Unknown agent")
	case m.book.In(id, book.MarkingGone):
		return refusal.New(refusal.Conflict, "Agent is currently being marked gone")
	}
	return nil
}

// tellToDrain tells a registered agent to become empty; it may be already.
func (m *Master) tellToDrain(a *book.Agent) {
	state := a.Deactivation
	state.DrainStarted = m.Now()
	m.book.SetDeactivation(a.ID, state)
	m.Send(a.PID, &internalpb.DrainSlaveMessage{Config: state.Drain.GetConfig()})
	m.checkDrained(a)
}

// checkDrained finishes the draining of an agent that has become empty.
//
// Mesos: Master::checkAndTransitionDrainingAgent.
func (m *Master) checkDrained(a *book.Agent) {
	if a == nil || !a.IsDraining() || a.TaskCount() > 0 {
		return
	}
	if m.book.In(a.ID, book.MarkingDrained|book.Leaving) {
		return // it leaves; should it come back, it is looked at again
	}
	if a.Drain.GetConfig().GetMarkGone() {
		m.markGone(a.ID)
		return
	}
	m.markDrained(a.ID)
}

// markDrained writes that an agent has become empty. Another drain of it that is written meanwhile is over with it.
func (m *Master) markDrained(id ids.Agent) {
	m.book.Begin(id, book.MarkingDrained)
	m.registry.Write("mark an agent drained", registrar.MarkDrained{ID: id}, func(accepted bool) {
		m.book.End(id, book.MarkingDrained)
		state := m.book.DeactivationOf(id)
		if !accepted || !state.IsDraining() {
			m.checkDrained(m.book.Agent(id)) // it was removed meanwhile, or it is drained once more
			return
		}
		config := state.Drain.GetConfig()
		state.Drain = &mesospb.DrainInfo{State: mesospb.DrainState_DRAINED.Enum(), Config: config}
		m.book.SetDeactivation(id, state)
		m.Log().Info().Stringer("agent_id", id).Msg("agent is drained")
		if config.GetMarkGone() && m.book.Agent(id) != nil && !m.book.In(id, book.Leaving) {
			m.markGone(id) // the later drain asks for it
		}
	})
}

// resumeDeactivation applies to an agent that came back what operators had decided before.
func (m *Master) resumeDeactivation(a *book.Agent) {
	if a.Deactivated && a.Active {
		m.cluster.DeactivateAgent(a)
	}
	if a.Drain != nil { // also if it is drained: it has forgotten that
		m.tellToDrain(a)
	}
}

// DeactivateAgent has nobody offered the agent's resources any more.
//
// Mesos: Master::Http::deactivateAgent.
func (m *Master) DeactivateAgent(id ids.Agent) leadership.Done {
	if err := m.refuseUnknown(id); err != nil {
		return leadership.Failed(err)
	}
	return m.registry.Store("deactivate an agent", registrar.DeactivateAgent{ID: id}, func() error {
		state := m.book.DeactivationOf(id)
		state.Deactivated = true
		m.book.SetDeactivation(id, state)
		if a := m.book.Agent(id); a != nil {
			m.cluster.DeactivateAgent(a)
		}
		return nil
	})
}

// ReactivateAgent takes draining and deactivation back.
//
// Mesos: Master::Http::reactivateAgent.
func (m *Master) ReactivateAgent(id ids.Agent) leadership.Done {
	switch state := m.book.DeactivationOf(id); {
	case !state.Deactivated:
		return leadership.Failed(refusal.New(refusal.Invalid, "Agent is not deactivated"))
	case state.IsDraining():
		return leadership.Failed(refusal.New(refusal.Invalid, "Agent is still in the DRAINING state"))
	}
	return m.registry.Store("reactivate an agent", registrar.ReactivateAgent{ID: id}, func() error {
		m.book.SetDeactivation(id, book.Deactivation{})
		a := m.book.Agent(id)
		if a == nil {
			return refusal.New(refusal.Conflict, "Agent removed while processing the call")
		}
		if a.Connected {
			a.Active = true
			m.allocator.ActivateAgent(id)
		}
		return nil
	})
}

// ---- gone ----

// MarkAgentGone says that the agent will never come back.
//
// Mesos: Master::Http::markAgentGone.
func (m *Master) MarkAgentGone(id ids.Agent) leadership.Done {
	_, gone := m.book.Gone(id)
	switch {
	case gone:
		return runtime.Ready(struct{}{})
	case m.book.In(id, book.MarkingGone):
		return leadership.Failed(refusal.New(refusal.Unavailable, "Agent '%s' is already being transitioned to gone", id))
	case m.book.In(id, book.Removing):
		return leadership.Failed(refusal.New(refusal.Unavailable, "Agent '%s' is being transitioned to removed", id))
	case m.book.In(id, book.MarkingUnreachable):
		return leadership.Failed(refusal.New(refusal.Unavailable, "Agent '%s' is being transitioned to unreachable", id))
	case m.refuseUnknown(id) != nil:
		return leadership.Failed(refusal.New(refusal.NotFound, "Agent '%s' not found", id))
	}
	return m.markGone(id)
}

// markGone writes that an agent is gone, and takes it out of the book.
//
// Mesos: Master::markGone.
func (m *Master) markGone(id ids.Agent) leadership.Done {
	m.book.Begin(id, book.MarkingGone)
	since := &mesospb.TimeInfo{Nanoseconds: proto.Int64(m.Now().UnixNano())}
	return m.registry.Try("mark an agent gone", registrar.MarkGone{ID: id, Since: since}, func(accepted bool) error {
		m.book.End(id, book.MarkingGone)
		if !accepted { // the registry forgot it meanwhile
			return refusal.New(refusal.NotFound, "Agent '%s' not found", id)
		}
		m.Log().Warn().Stringer("agent_id", id).Msg("agent is gone for good")
		m.loseGone(id)
		m.book.AddGone(id, since)
		return nil
	})
}

// loseGone takes an agent that is gone out of the book, wherever it is.
func (m *Master) loseGone(id ids.Agent) {
	if a := m.book.Agent(id); a != nil {
		m.Send(a.PID, &internalpb.ShutdownMessage{Message: proto.String(goneMessage)})
		m.allocator.RemoveAgent(id)
		for _, t := range a.Tasks() {
			// As with the reference, those of frameworks that know nothing of partitions are among the unreachable ones.
			m.cluster.EndTask(t, m.goneUpdate(t), !m.book.Framework(t.Framework).Capabilities.PartitionAware)
		}
		m.forgetAgent(a)
	} else {
		m.loseUnreachable(id)
	}
	// Differs: the reference goes on waiting for an agent that it knows from the registry only.
	m.book.DropRecovered(id)
	m.book.SetDeactivation(id, book.Deactivation{})
}

const goneMessage = "Agent has been marked gone"

// goneUpdate is the last that is said of a task on an agent that is gone.
func (m *Master) goneUpdate(t *book.Task) *internalpb.StatusUpdate {
	if m.book.Framework(t.Framework).Capabilities.PartitionAware {
		return m.cluster.TaskUpdate(t, mesospb.TaskState_TASK_GONE_BY_OPERATOR, goneMessage, mesospb.TaskStatus_REASON_SLAVE_REMOVED_BY_OPERATOR)
	}
	return m.cluster.TaskUpdate(t, mesospb.TaskState_TASK_LOST, goneMessage, mesospb.TaskStatus_REASON_SLAVE_REMOVED)
}

// loseUnreachable tells frameworks that their tasks on an unreachable agent are over, and forgets that it was that.
func (m *Master) loseUnreachable(id ids.Agent) {
	for _, f := range m.book.Frameworks() {
		for _, t := range f.UnreachableTasks() {
			if t.Agent != id {
				continue
			}
			u := m.goneUpdate(t)
			m.cluster.Apply(t, u)
			f.Complete(t)
			if f.Connected() {
				m.cluster.Forward(u, events.NoPID, f)
			}
		}
	}
	m.book.DropUnreachable(id)
}
