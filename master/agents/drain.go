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

// Drains are what operators decide about single agents: that nobody is offered their resources, and that they become empty.
type Drains struct {
	*core
	removals *Removals
	plan     func() maintenance.Plan
}

// CanDrain says why an agent cannot be drained although it may be known.
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

// Drain has nobody offered the agent's resources any more and kills its tasks. When they are over it is drained, or
// gone if that is wished.
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
		}
		return nil
	})
}

// refuseUnknown refuses decisions about an agent that is not known, or is about to be gone.
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

// tell tells a registered agent to become empty; it may be already.
func (d *Drains) tell(a *book.Agent) {
	state := a.Deactivation
	state.DrainStarted = d.Now()
	d.book.SetDeactivation(a.ID, state)
	d.Send(a.PID, &internalpb.DrainSlaveMessage{Config: state.Drain.GetConfig()})
	d.Check(a)
}

// Check finishes the draining of an agent that has become empty.
//
// Mesos: Master::checkAndTransitionDrainingAgent.
func (d *Drains) Check(a *book.Agent) {
	if a == nil || !a.IsDraining() || a.TaskCount() > 0 {
		return
	}
	if d.book.In(a.ID, book.MarkingDrained|book.Leaving) {
		return // it leaves; should it come back, it is looked at again
	}
	if a.Drain.GetConfig().GetMarkGone() {
		d.removals.markGone(a.ID)
		return
	}
	d.markDrained(a.ID)
}

// markDrained writes that an agent has become empty. Another drain of it that is written meanwhile is over with it.
func (d *Drains) markDrained(id ids.Agent) {
	d.book.Begin(id, book.MarkingDrained)
	d.registry.Write("mark an agent drained", registrar.MarkDrained{ID: id}, func(accepted bool) {
		d.book.End(id, book.MarkingDrained)
		state := d.book.DeactivationOf(id)
		if !accepted || !state.IsDraining() {
			d.Check(d.book.Agent(id)) // it was removed meanwhile, or it is drained once more
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

// Resume applies to an agent that came back what operators had decided before.
func (d *Drains) Resume(a *book.Agent) {
	if a.Deactivated && a.Active {
		d.cluster.DeactivateAgent(a)
	}
	if a.Drain != nil { // also if it is drained: it has forgotten that
		d.tell(a)
	}
}
