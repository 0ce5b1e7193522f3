package allocator

import (
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
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
	agent := &agent{id: ids.AgentOf(added.Info.GetId()), info: added.Info, active: true}
	agent.learnCapabilities(added.Capabilities)
	a.book.addAgent(agent, added.Total, used)
	a.agentLog(agent).Stringer("total", agent.total).Stringer("used", agent.used).Msg("agent added")
	a.askFor(agent)
}

// RemoveAgent forgets an agent, and all that is offered and allocated of it.
func (a *Allocator) RemoveAgent(id ids.Agent) {
	agent := a.book.agent(id)
	a.book.removeAgent(agent)
	a.agentLog(agent).Msg("agent removed")
}

// UpdateAgent takes over what has changed of an agent and offers it at once if anything has. If its attributes have,
// refusals of it end: they may have been for something it had not.
func (a *Allocator) UpdateAgent(now Agent) {
	agent := a.book.agent(ids.AgentOf(now.Info.GetId()))
	changed := agent.learnCapabilities(now.Capabilities)
	if !sameAttributes(agent.info, now.Info) {
		a.book.dropRefusalsOf(agent)
	}
	if !proto.Equal(agent.info, now.Info) {
		agent.info, changed = now.Info, true
	}
	if a.book.setTotal(agent, now.Total) {
		changed = true
	}
	if !changed {
		return
	}
	a.agentLog(agent).Stringer("total", agent.total).Msg("agent updated")
	a.book.unsettle(agent)
	a.askFor(agent)
}

// ActivateAgent lets an agent be offered again, from the next cycle on.
func (a *Allocator) ActivateAgent(id ids.Agent) {
	agent := a.book.agent(id)
	agent.active = true
	a.book.unsettle(agent)
	a.agentLog(agent).Msg("agent activated")
}

// DeactivateAgent keeps an agent from being offered. What is offered and allocated of it stays so.
func (a *Allocator) DeactivateAgent(id ids.Agent) {
	agent := a.book.agent(id)
	agent.active = false
	a.agentLog(agent).Msg("agent deactivated")
}

// UpdateWhitelist limits offers to the agents on the given hosts; nil lifts the limit, and an empty list stops all
// offers.
func (a *Allocator) UpdateWhitelist(hostnames []string) {
	a.policy.whitelisted, a.policy.whitelist = hostnames != nil, setOf(hostnames)
	for _, agent := range a.book.everyAgent {
		a.book.unsettle(agent)
	}
	switch {
	case hostnames == nil:
		a.Log().Info().Msg("offering all agents")
	case len(hostnames) == 0:
		a.Log().Warn().Msg("the whitelist is empty; nothing will be offered")
	default:
		a.Log().Info().Strs("hosts", hostnames).Msg("whitelist updated")
	}
}

func (a *Allocator) agentLog(agent *agent) *zerolog.Event {
	return a.Log().Info().Stringer("agent_id", agent.id).Str("hostname", agent.info.GetHostname())
}

// sameAttributes compares the attributes of an agent before and after, which keep their order.
func sameAttributes(before, after *mesospb.SlaveInfo) bool {
	if len(before.GetAttributes()) != len(after.GetAttributes()) {
		return false
	}
	for i, attribute := range before.GetAttributes() {
		if !proto.Equal(attribute, after.GetAttributes()[i]) {
			return false
		}
	}
	return true
}
