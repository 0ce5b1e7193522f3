package agents

import (
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/master/refusal"
	"meseta/messages/ids"
)

// Deactivate stops offering the agent's resources.
//
// Mesos: Master::Http::deactivateAgent.
func (d *Drains) Deactivate(id ids.Agent) leadership.Done {
	if err := d.refuseUnknown(id); err != nil {
		return leadership.Failed(err)
	}
	return d.registry.Store("deactivate an agent", registrar.DeactivateAgent{ID: id}, func() error {
		state := d.book.DeactivationOf(id)
		state.Deactivated = true
		d.book.SetDeactivation(id, state)
		if a := d.book.Agent(id); a != nil {
			d.cluster.DeactivateAgent(a)
		}
		return nil
	})
}

// Reactivate ends the draining and deactivation of an agent.
//
// Mesos: Master::Http::reactivateAgent.
func (d *Drains) Reactivate(id ids.Agent) leadership.Done {
	switch state := d.book.DeactivationOf(id); {
	case !state.Deactivated:
		return leadership.Failed(refusal.New(refusal.Invalid, "Agent is not deactivated"))
	case state.IsDraining():
		return leadership.Failed(refusal.New(refusal.Invalid, "Agent is still in the DRAINING state"))
	}
	return d.registry.Store("reactivate an agent", registrar.ReactivateAgent{ID: id}, func() error {
		d.book.SetDeactivation(id, book.Deactivation{})
		a := d.book.Agent(id)
		if a == nil {
			return refusal.New(refusal.Conflict, "Agent removed while processing the call")
		}
		if a.Connected {
			a.Active = true
			d.cluster.Allocator.ActivateAgent(id)
		}
		return nil
	})
}
