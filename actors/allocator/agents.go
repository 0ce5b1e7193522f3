package allocator

import (
	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Agent is what the allocator has to know about an agent.
type Agent struct {
	Info         *mesospb.SlaveInfo
	Capabilities []*mesospb.SlaveInfo_Capability
	Total        resources.Resources // not allocated; with what is revocable
}

// AddAgent adds an agent, of whose resources used is allocated (each to a role) to tasks and executors of frameworks,
// which may be added later. It is offered at once.
func (a *Allocator) AddAgent(added Agent, used map[ids.Framework]resources.Resources) {
	agent := a.book.addAgent(added, used)
	a.logAgent(agent).Stringer("total", agent.total).Stringer("used", agent.used).Msg("agent added")
	a.askFor(agent)
}

// RemoveAgent forgets an agent, and all that is offered and allocated of it.
func (a *Allocator) RemoveAgent(id ids.Agent) {
	agent := a.book.agent(id)
	a.book.removeAgent(agent)
	a.logAgent(agent).Msg("agent removed")
}

// UpdateAgent takes over what has changed of an agent and offers it at once if anything has. If its attributes have,
// refusals of it end: they may have been for something it had not.
func (a *Allocator) UpdateAgent(now Agent) {
	agent := a.book.agent(ids.AgentOf(now.Info.GetId()))
	if a.book.updateAgent(agent, now) {
		a.logAgent(agent).Stringer("total", agent.total).Msg("agent updated")
		a.askFor(agent)
	}
}

// ActivateAgent lets an agent be offered again, from the next cycle on.
func (a *Allocator) ActivateAgent(id ids.Agent) {
	agent := a.book.agent(id)
	agent.active = true
	a.book.unsettle(agent)
	a.logAgent(agent).Msg("agent activated")
}

// DeactivateAgent keeps an agent from being offered. What is offered and allocated of it stays so.
func (a *Allocator) DeactivateAgent(id ids.Agent) {
	agent := a.book.agent(id)
	agent.active = false
	a.logAgent(agent).Msg("agent deactivated")
}

// UpdateWhitelist limits offers to the agents on the given hosts, from the next cycle on; nil lifts the limit, and an
// empty list stops all offers.
func (a *Allocator) UpdateWhitelist(hostnames []string) {
	a.policy.whitelist = nil
	if hostnames != nil {
		a.policy.whitelist = setOf(hostnames)
	}
	a.book.unsettleAll()
	switch {
	case hostnames == nil:
		a.Log().Info().Msg("offering all agents")
	case len(hostnames) == 0:
		a.Log().Warn().Msg("the whitelist is empty; nothing will be offered")
	default:
		a.Log().Info().Strs("hosts", hostnames).Msg("whitelist updated")
	}
}

func (a *Allocator) logAgent(agent *agent) *zerolog.Event {
	return a.Log().Info().Stringer("agent_id", agent.id).Str("hostname", agent.info.GetHostname())
}
