package agents

import (
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/master/maintenance"
	"meseta/master/refusal"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// Drains implements draining, deactivation and reactivation of agents.
type Drains struct {
	*core
	removals *Removals
	plan     func() maintenance.Plan
}

// CanDrain returns an error if an agent cannot be drained although it may be known.
func (d *Drains) CanDrain(id ids.Agent) error {
	a := d.book.Agent(id)
	if a == nil {
		return nil
	}
	switch machine := a.Machine(); {
	case d.plan().Includes(machine):
		return refusal.New(refusal.Invalid, "Agent %s is part of a maintenance schedule under Machine %s (%s)", id, machine.Hostname, machine.IP)
	case !a.Capabilities.AgentDraining:
		return refusal.New(refusal.Invalid, "Agent %s is not capable of draining", id)
	}
	return nil
}

// Drain stops offering the agent's resources and has the agent kill its tasks. Once they are terminal, the agent is
// drained, or marked gone if config asks for that.
//
// Mesos: Master::Http::drainAgent.
func (d *Drains) Drain(id ids.Agent, config *mesospb.DrainConfig) leadership.Done {
	if err := d.refuseUnknown(id); err != nil {
		return leadership.Failed(err)
	}
	return d.registry.Store("drain an agent", registrar.DeactivateAgent{ID: id, Drain: config}, func() error {
		info := &mesospb.DrainInfo{State: mesospb.DrainState_DRAINING.Enum(), Config: config}
		d.book.SetDeactivation(id, book.Deactivation{Deactivated: true, Drain: info})
		if a := d.book.Agent(id); a != nil {
			d.Log().Info().Stringer("agent_id", id).Int("tasks", a.TaskCount()).Msg("agent drains")
			d.cluster.DeactivateAgent(a)
			d.tell(a)
			d.Check(a)
		}
		return nil
	})
}

// refuseUnknown returns an error for an agent that is unknown or about to be marked gone.
func (c *core) refuseUnknown(id ids.Agent) error {
	_, unreachable := c.book.Unreachable(id)
	switch {
	case c.book.Agent(id) == nil && c.book.Recovered(id) == nil && !unreachable:
		return refusal.New(refusal.Invalid, "Unknown agent")
	case c.book.In(id, book.MarkingGone):
		return refusal.New(refusal.Conflict, "Agent is currently being marked gone")
	}
	return nil
}

// tell sends a registered agent the request to drain.
func (d *Drains) tell(a *book.Agent) {
	state := a.Deactivation
	state.DrainStarted = d.Now()
	d.book.SetDeactivation(a.ID, state)
	d.Send(a.PID, &internalpb.DrainSlaveMessage{Config: state.Drain.GetConfig()})
}

// Check finishes the draining of an agent that has no tasks and operations left.
//
// Mesos: Master::checkAndTransitionDrainingAgent.
func (d *Drains) Check(a *book.Agent) {
	if a == nil || !a.IsDraining() || a.TaskCount()+a.OperationCount() > 0 {
		return
	}
	if d.book.In(a.ID, book.MarkingDrained|book.Leaving) {
		return // it is being removed; if it re-registers, it is checked again
	}
	if a.Drain.GetConfig().GetMarkGone() {
		d.removals.markGone(a.ID)
		return
	}
	d.markDrained(a.ID)
}

// markDrained writes to the registry that an agent has drained. This also ends a drain that was requested meanwhile.
func (d *Drains) markDrained(id ids.Agent) {
	d.book.Begin(id, book.MarkingDrained)
	d.registry.Write("mark an agent drained", registrar.MarkDrained{ID: id}, func(accepted bool) {
		d.book.End(id, book.MarkingDrained)
		state := d.book.DeactivationOf(id)
		if !accepted || !state.IsDraining() {
			d.Check(d.book.Agent(id)) // it was removed meanwhile, or drained again
			return
		}
		config := state.Drain.GetConfig()
		state.Drain = &mesospb.DrainInfo{State: mesospb.DrainState_DRAINED.Enum(), Config: config}
		d.book.SetDeactivation(id, state)
		d.Log().Info().Stringer("agent_id", id).Msg("agent is drained")
		if config.GetMarkGone() && d.book.Agent(id) != nil && !d.book.In(id, book.Leaving) {
			d.removals.markGone(id) // the later drain asks for it
		}
	})
}

// Resume applies the decisions of operators to an agent that re-registered.
func (d *Drains) Resume(a *book.Agent) {
	if a.Deactivated && a.Active {
		d.cluster.DeactivateAgent(a)
	}
	if a.Drain != nil { // even if it has drained: a restarted agent does not know that
		d.tell(a)
	}
	if !a.Capabilities.ResourceProvider { // others will report their operations in an UpdateSlaveMessage
		d.Check(a)
	}
}
