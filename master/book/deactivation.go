package book

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Deactivation is what operators decided about an agent. It outlives the agent's absences.
type Deactivation struct {
	Deactivated  bool               // nobody is offered its resources
	Drain        *mesospb.DrainInfo // nil: its tasks go on
	DrainStarted time.Time          // when the registered agent was told; zero: it was not
}

// IsDraining reports whether the agent is to become empty and has not yet.
func (s Deactivation) IsDraining() bool { return s.Drain.GetState() == mesospb.DrainState_DRAINING }

// DeactivationOf returns what operators decided about the agent, wherever it is.
func (b *Book) DeactivationOf(id ids.Agent) Deactivation { return b.deactivations[id] }

// Draining lists the registered agents that are to become empty and have not yet.
func (b *Book) Draining() []*Agent {
	draining := map[ids.Agent]*Agent{}
	for id, s := range b.deactivations {
		if a := b.agents[id]; a != nil && s.IsDraining() {
			draining[id] = a
		}
	}
	return listed(draining)
}

// SetDeactivation notes what operators decided about the agent.
func (b *Book) SetDeactivation(id ids.Agent, s Deactivation) {
	if s == (Deactivation{}) {
		delete(b.deactivations, id)
	} else {
		b.deactivations[id] = s
	}
	if a := b.agents[id]; a != nil {
		a.Deactivation = s
	}
}
