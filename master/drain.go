package master

import (
	"fmt"
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/events"
	"meseta/messages/ids"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// drainAgent is DRAIN_AGENT: nobody is offered the agent's resources any more, its tasks are killed, and when they are
// over it is drained, or gone if that is wished.
//
// Mesos: Master::Http::drainAgent.
func (m *Master) drainAgent(call operatorCall) answer {
	id := ids.AgentOf(call.GetDrainAgent().GetSlaveId())
	if a := m.book.Agent(id); a != nil {
		machine := cluster.MachineOf(a)
		switch {
		case m.cluster.InverseOffers.Plan().Includes(machine):
			return refused(http.StatusBadRequest, "Agent %s is part of a maintenance schedule under Machine %s (%s)", id, machine.Hostname, machine.IP)
		case !a.Capabilities.AgentDraining:
			return refused(http.StatusBadRequest, "Agent %s is not capable of draining", id)
		}
	}
	config := &mesospb.DrainConfig{
		MaxGracePeriod: call.GetDrainAgent().MaxGracePeriod, MarkGone: proto.Bool(call.GetDrainAgent().GetMarkGone()),
	}
	if refusal := m.forbids(call.operator, authorizationpb.Action_DRAIN_AGENT); refusal != nil {
		return runtime.Ready(refusal)
	}
	if config.GetMarkGone() {
		if refusal := m.forbids(call.operator, authorizationpb.Action_MARK_AGENT_GONE); refusal != nil {
			return runtime.Ready(refusal)
		}
	}
	if refusal := m.refuseUnknown(id); refusal != nil {
		return runtime.Ready(refusal)
	}
	return m.stored("drain an agent", registrar.DeactivateAgent{ID: id, Drain: config}, func() *web.Response {
		info := &mesospb.DrainInfo{State: mesospb.DrainState_DRAINING.Enum(), Config: config}
		m.book.SetDeactivation(id, book.Deactivation{Deactivated: true, Drain: info})
		if a := m.book.Agent(id); a != nil {
			m.Log().Info().Stringer("agent_id", id).Int("tasks", len(a.Tasks())).Msg("agent drains")
			m.cluster.DeactivateAgent(a)
			m.tellToDrain(a)
		}
		return web.OK()
	})
}

// refuseUnknown answers who decides about an agent that is not known, or is about to be gone.
func (m *Master) refuseUnknown(id ids.Agent) *web.Response {
	_, unreachable := m.book.Unreachable(id)
	switch {
	case m.book.Agent(id) == nil && m.book.Recovered(id) == nil && !unreachable:
		return web.BadRequest("Unknown agent")
	case m.book.In(id, book.MarkingGone):
		return web.Text(http.StatusConflict, "Agent is currently being marked gone")
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
	if a == nil || !a.IsDraining() || len(a.Tasks()) > 0 {
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
	m.write("mark an agent drained", registrar.MarkDrained{ID: id}, func(accepted bool) {
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

// deactivateByOperator is DEACTIVATE_AGENT: nobody is offered the agent's resources any more.
//
// Mesos: Master::Http::deactivateAgent.
func (m *Master) deactivateByOperator(call operatorCall) answer {
	id := ids.AgentOf(call.GetDeactivateAgent().GetSlaveId())
	if refusal := m.forbids(call.operator, authorizationpb.Action_DEACTIVATE_AGENT); refusal != nil {
		return runtime.Ready(refusal)
	}
	if refusal := m.refuseUnknown(id); refusal != nil {
		return runtime.Ready(refusal)
	}
	return m.stored("deactivate an agent", registrar.DeactivateAgent{ID: id}, func() *web.Response {
		state := m.book.DeactivationOf(id)
		state.Deactivated = true
		m.book.SetDeactivation(id, state)
		if a := m.book.Agent(id); a != nil {
			m.cluster.DeactivateAgent(a)
		}
		return web.OK()
	})
}

// reactivateByOperator is REACTIVATE_AGENT, which takes the other two back.
//
// Mesos: Master::Http::reactivateAgent.
func (m *Master) reactivateByOperator(call operatorCall) answer {
	id := ids.AgentOf(call.GetReactivateAgent().GetSlaveId())
	if refusal := m.forbids(call.operator, authorizationpb.Action_REACTIVATE_AGENT); refusal != nil {
		return runtime.Ready(refusal)
	}
	switch state := m.book.DeactivationOf(id); {
	case !state.Deactivated:
		return refused(http.StatusBadRequest, "Agent is not deactivated")
	case state.IsDraining():
		return refused(http.StatusBadRequest, "Agent is still in the DRAINING state")
	}
	return m.stored("reactivate an agent", registrar.ReactivateAgent{ID: id}, func() *web.Response {
		m.book.SetDeactivation(id, book.Deactivation{})
		a := m.book.Agent(id)
		if a == nil {
			return web.Text(http.StatusConflict, "Agent removed while processing the call")
		}
		if a.Connected {
			a.Active = true
			m.allocator.ActivateAgent(id)
		}
		return web.OK()
	})
}

// ---- gone ----

// markAgentGone is MARK_AGENT_GONE: the agent will never come back.
//
// Mesos: Master::Http::markAgentGone.
func (m *Master) markAgentGone(call operatorCall) answer {
	id := ids.AgentOf(call.GetMarkAgentGone().GetSlaveId())
	if refusal := m.forbids(call.operator, authorizationpb.Action_MARK_AGENT_GONE); refusal != nil {
		return runtime.Ready(refusal)
	}
	_, gone := m.book.Gone(id)
	switch {
	case gone:
		return runtime.Ready(web.OK())
	case m.book.In(id, book.MarkingGone):
		return refused(http.StatusServiceUnavailable, "Agent '%s' is already being transitioned to gone", id)
	case m.book.In(id, book.Removing):
		return refused(http.StatusServiceUnavailable, "Agent '%s' is being transitioned to removed", id)
	case m.book.In(id, book.MarkingUnreachable):
		return refused(http.StatusServiceUnavailable, "Agent '%s' is being transitioned to unreachable", id)
	case m.refuseUnknown(id) != nil:
		return refused(http.StatusNotFound, "Agent '%s' not found", id)
	}
	return m.markGone(id)
}

// markGone writes that an agent is gone, and takes it out of the book.
//
// Mesos: Master::markGone.
func (m *Master) markGone(id ids.Agent) answer {
	m.book.Begin(id, book.MarkingGone)
	since := &mesospb.TimeInfo{Nanoseconds: proto.Int64(m.Now().UnixNano())}
	return m.settled("mark an agent gone", registrar.MarkGone{ID: id, Since: since}, func(accepted bool) *web.Response {
		m.book.End(id, book.MarkingGone)
		if !accepted { // the registry forgot it meanwhile
			return web.Text(http.StatusNotFound, fmt.Sprintf("Agent '%s' not found", id))
		}
		m.Log().Warn().Stringer("agent_id", id).Msg("agent is gone for good")
		m.loseGone(id)
		m.book.AddGone(id, since)
		return web.OK()
	})
}

// loseGone takes an agent that is gone out of the book, wherever it is.
func (m *Master) loseGone(id ids.Agent) {
	if a := m.book.Agent(id); a != nil {
		m.Send(a.PID, &internalpb.ShutdownMessage{Message: proto.String(goneMessage)})
		m.allocator.RemoveAgent(id)
		for _, t := range a.Tasks() {
			m.cluster.EndTask(t, m.goneUpdate(t), false)
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

// ---- in common ----

// refused answers with an error.
func refused(status int, format string, args ...any) answer {
	return runtime.Ready(web.Text(status, fmt.Sprintf(format, args...)))
}

// stored applies op to the registry and answers when it is there. The registry may refuse it: what it is about can have
// been removed meanwhile.
func (m *Master) stored(what string, op registrar.Operation, then func() *web.Response) answer {
	return m.settled(what, op, func(accepted bool) *web.Response {
		if !accepted {
			return web.Text(http.StatusConflict, "The registry refuses to "+what)
		}
		return then()
	})
}

// settled is stored for callers that have something to do also if the registry refuses. The answer fails if the registry
// cannot be written, which ends this master.
func (m *Master) settled(what string, op registrar.Operation, then func(accepted bool) *web.Response) answer {
	done := runtime.NewPromise[*web.Response]()
	runtime.Await(m, registrar.Apply(m.Registrar, op), func(accepted bool, err error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			done.Fail(err)
			m.giveUp(err)
			return
		}
		done.Set(then(accepted))
	})
	return done.Future()
}
