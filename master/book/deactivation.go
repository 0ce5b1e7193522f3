package book

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Deactivation records what operators decided about an agent. It outlives the agent's registration.
type Deactivation struct {
	Deactivated  bool               // its resources are not offered
	Drain        *mesospb.DrainInfo // nil if it is not drained
	DrainStarted time.Time          // when the registered agent was told; zero if it was not
}

// IsDraining reports whether the agent is draining and has not drained yet.
func (s Deactivation) IsDraining() bool { return s.Drain.GetState() == mesospb.DrainState_DRAINING }

// DeactivationOf returns what operators decided about the agent, whatever its state.
func (b *Book) DeactivationOf(id ids.Agent) Deactivation { return b.deactivations[id] }

// Draining returns the registered agents that are draining and have not drained yet.
func (b *Book) Draining() []*Agent {
	draining := map[ids.Agent]*Agent{}
	for id, s := range b.deactivations {
		if a := b.agents[id]; a != nil && s.IsDraining() {
			draining[id] = a
		}
	}
	return listed(draining)
}

// SetDeactivation records what operators decided about the agent.
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
