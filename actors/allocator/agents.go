package allocator

import (
	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Agent describes an agent to the allocator.
type Agent struct {
	Info         *mesospb.SlaveInfo
	Capabilities []*mesospb.SlaveInfo_Capability
	Total        resources.Resources // not allocated to roles; includes revocable resources
}

// AddAgent adds an agent and offers it at once. used holds the resources, each allocated to a role, that the agent's
// tasks and executors use, by framework. The frameworks may be added later. That an agent came is what its master logs.
//
// Differs: Mesos's allocator logs it, too, which for agents that come back with their tasks is a twentieth of a master's work.
func (a *Allocator) AddAgent(added Agent, used map[ids.Framework]resources.Resources) {
	agent := a.book.addAgent(added, used)
	a.Log().Debug().Stringer("agent_id", agent.id).Stringer("total", agent.total).Stringer("used", agent.used).Msg("agent added")
	if len(a.book.agents) >= a.awaited {
		a.resume()
	}
	a.askFor(agent)
}

// RemoveAgent removes an agent with everything that is offered and allocated on it.
func (a *Allocator) RemoveAgent(id ids.Agent) {
	agent := a.book.agent(id)
	a.book.removeAgent(agent)
	a.logAgent(agent).Msg("agent removed")
}

// UpdateAgent applies changes to an agent's description, capabilities or total resources, and offers the agent at once
// if anything changed. A change of attributes ends all offer filters for the agent, because frameworks may have
// declined it for an attribute it lacked.
func (a *Allocator) UpdateAgent(now Agent) {
	agent := a.book.agent(ids.AgentOf(now.Info.GetId()))
	if a.book.updateAgent(agent, now) {
		a.logAgent(agent).Stringer("total", agent.total).Msg("agent updated")
		a.askFor(agent)
	}
}

// ActivateAgent lets an agent be offered again, starting with the next cycle.
func (a *Allocator) ActivateAgent(id ids.Agent) {
	agent := a.book.agent(id)
	agent.active = true
	a.book.unsettle(agent)
	a.logAgent(agent).Msg("agent activated")
}

// DeactivateAgent stops offers of an agent. Resources that are already offered or allocated stay so.
func (a *Allocator) DeactivateAgent(id ids.Agent) {
	agent := a.book.agent(id)
	agent.active = false
	a.logAgent(agent).Msg("agent deactivated")
}

// UpdateWhitelist limits offers to agents on the given hosts, starting with the next cycle. nil lifts the limit; an
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
