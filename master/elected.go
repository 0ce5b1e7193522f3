package master

import (
	"errors"
	"fmt"
	"time"

	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/maintenance"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// recovery is how far a leader is with the registry.
type recovery uint8

const (
	notRecovered recovery = iota
	recovering
	isRecovered
)

// contend enters the election.
func (m *Master) contend() {
	runtime.Await(m, m.Contender.Contend(m.info), func(candidacy runtime.Future[struct{}], err error) {
		if err != nil {
			m.giveUp(fmt.Errorf("contend for the leadership: %w", err))
			return
		}
		runtime.Await(m, candidacy, func(_ struct{}, err error) { m.lostCandidacy(err) })
	})
}

func (m *Master) lostCandidacy(err error) {
	switch {
	case err != nil:
		m.giveUp(fmt.Errorf("watch the candidacy: %w", err))
	case m.leads():
		m.giveUp(errors.New("the candidacy of the leader was lost"))
	default:
		m.Log().Info().Msg("candidacy lost, contending again")
		m.contend()
	}
}

// detect follows the leadership, for ever.
func (m *Master) detect() {
	runtime.Await(m, m.Detector.Detect(m.leader), func(leader *mesospb.MasterInfo, err error) {
		if err != nil {
			m.giveUp(fmt.Errorf("detect the leader: %w", err))
			return
		}
		m.detected(leader)
		m.detect()
	})
}

// detected acts on a change of the leadership.
//
// Mesos: Master::detected.
func (m *Master) detected(leader *mesospb.MasterInfo) {
	led := m.leads()
	m.leader = leader
	switch {
	case m.leads() && !led:
		m.elected = m.Now()
		m.Log().Info().Msg("elected as the leading master")
		m.recover()
	case m.leads():
		m.elected = m.Now()
		m.Log().Info().Msg("elected again")
	case led:
		m.giveUp(errors.New("another master leads now, or none"))
	case leader != nil:
		m.Log().Info().Stringer("leader", election.PID(leader)).Msg("another master leads")
	default:
		m.Log().Info().Msg("no master leads")
	}
}

func (m *Master) leads() bool { return m.leader != nil && m.leader.GetId() == m.info.GetId() }

// Leadership is who leads, and whether this master does and knows its cluster.
type Leadership struct {
	Leader    *mesospb.MasterInfo // nil: nobody
	Leads     bool                // this master does
	Recovered bool                // it has read the registry
}

// Leadership is who leads now.
func (m *Master) Leadership() Leadership {
	return Leadership{Leader: m.leader, Leads: m.leads(), Recovered: m.recovered == isRecovered}
}

// giveUp ends this master: another can take its place, but two must not lead.
func (m *Master) giveUp(reason error) {
	m.recovered = notRecovered
	if m.GiveUp == nil {
		panic(fmt.Sprintf("master: %v", reason))
	}
	m.Log().Error().Err(reason).Msg("master gives up")
	m.GiveUp(reason)
}

// recover reads the registry, once.
func (m *Master) recover() {
	if m.recovered != notRecovered {
		return
	}
	m.recovered = recovering
	runtime.Await(m, registrar.Recover(m.Registrar, m.info), func(r *registrypb.Registry, err error) {
		if err != nil {
			m.giveUp(err)
			return
		}
		m.recoverFrom(r)
	})
}

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
	m.recovered = isRecovered
	m.Log().Info().Int("agents", expected).Msg("master recovered from the registry")
}

// recoveryTimeout gives up on agents that did not come back after a failover.
//
// Mesos: Master::recoveredSlavesTimeout.
func (m *Master) recoveryTimeout(expected int) {
	missing := m.book.AllRecovered()
	if share := float64(len(missing)) / float64(max(expected, 1)); share > m.config.RecoveryRemovalLimit {
		m.giveUp(fmt.Errorf("%d of %d agents did not come back, more than the removal limit allows", len(missing), expected))
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
	m.write("prune the registry", prune, func(bool) {
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
