package book

import (
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Standing is what operators decided about an agent. It outlives the agent's absences.
type Standing struct {
	Deactivated  bool               // nobody is offered its resources
	Drain        *mesospb.DrainInfo // nil: its tasks go on
	DrainStarted time.Time          // when the registered agent was told; zero: it was not
}

// IsDraining reports whether the agent is to become empty and has not yet.
func (s Standing) IsDraining() bool { return s.Drain.GetState() == mesospb.DrainState_DRAINING }

// StandingOf returns what operators decided about the agent, wherever it is.
func (b *Book) StandingOf(id ids.Agent) Standing { return b.standing[id] }

// Stand notes what operators decided about the agent.
func (b *Book) Stand(id ids.Agent, s Standing) {
	if s == (Standing{}) {
		delete(b.standing, id)
	} else {
		b.standing[id] = s
	}
	if a := b.agents[id]; a != nil {
		a.Standing = s
	}
}
