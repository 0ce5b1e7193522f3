package master

import (
	"fmt"
	"time"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/maintenance"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
)

// recoverFrom takes over what the masters before have written.
//
// Mesos: Master::_recover.
func (m *Master) recoverFrom(r *registrypb.Registry) {
	for _, a := range r.GetSlaves().GetSlaves() {
		m.book.AddRecovered(a.GetInfo())
		m.book.SetDeactivation(ids.AgentOf(a.GetInfo().GetId()), book.Deactivation{Deactivated: a.GetDeactivated(), Drain: a.GetDrainInfo()})
	}
	for _, a := range r.GetUnreachable().GetSlaves() {
		m.book.AddUnreachable(ids.AgentOf(a.GetId()), a.GetTimestamp())
		m.book.SetDeactivation(ids.AgentOf(a.GetId()), book.Deactivation{Deactivated: a.GetDeactivated(), Drain: a.GetDrainInfo()})
	}
	for _, a := range r.GetGone().GetSlaves() {
		m.book.AddGone(ids.AgentOf(a.GetId()), a.GetTimestamp())
	}
	m.cluster.InverseOffers.Replan(maintenance.New(r), m.cluster.Offers.RescindOn)
	m.cluster.InverseOffers.Make()
	expected := m.book.NumRecovered()
	m.recoverWeights(r)
	m.Delay(m.config.RegistryGCInterval, m.collectRegistry)
	m.Delay(m.config.AgentReregisterTimeout, func() { m.recoveryTimeout(expected) })
}

// recoveryTimeout gives up on agents that did not come back after a failover.
//
// Mesos: Master::recoveredSlavesTimeout.
func (m *Master) recoveryTimeout(expected int) {
	missing := m.book.AllRecovered()
	if share := float64(len(missing)) / float64(max(expected, 1)); share > m.config.RecoveryRemovalLimit {
		m.leadership.GiveUp(fmt.Errorf("%d of %d agents did not come back, more than the removal limit allows", len(missing), expected))
		return
	}
	for _, info := range missing {
		m.giveUpRecovered(info)
	}
}

// collectRegistry forgets agents that were lost long ago, or too many.
//
// Mesos: Master::doRegistryGc.
func (m *Master) collectRegistry() {
	m.Delay(m.config.RegistryGCInterval, m.collectRegistry)
	prune := registrar.Prune{
		Unreachable: m.prunable(m.book.AllUnreachable(), m.book.Unreachable),
		Gone:        m.prunable(m.book.AllGone(), m.book.Gone),
	}
	if len(prune.Unreachable)+len(prune.Gone) == 0 {
		return
	}
	m.registry.Write("prune the registry", prune, func(bool) {
		for _, id := range prune.Unreachable {
			m.forgetUnreachable(id)
		}
		for _, id := range prune.Gone {
			m.book.DropGone(id)
		}
		m.Log().Info().Int("unreachable", len(prune.Unreachable)).Int("gone", len(prune.Gone)).Msg("registry pruned")
	})
}

// forgetUnreachable forgets an agent that was pruned from the registry, unless it came back before that.
func (m *Master) forgetUnreachable(id ids.Agent) {
	if _, still := m.book.Unreachable(id); still {
		m.book.DropUnreachable(id)
		m.book.SetDeactivation(id, book.Deactivation{})
	}
}

// prunable picks from agents, oldest first, those beyond the count and those beyond the age.
func (m *Master) prunable(agents []ids.Agent, since func(ids.Agent) (*mesospb.TimeInfo, bool)) []ids.Agent {
	var old []ids.Agent
	for i, id := range agents {
		lost, _ := since(id)
		age := m.Now().Sub(time.Unix(0, lost.GetNanoseconds()))
		if len(agents)-i > m.config.RegistryMaxAgentCount || age > m.config.RegistryMaxAgentAge {
			old = append(old, id)
		}
	}
	return old
}
