package master

import (
	"fmt"
	"time"

	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Rate is how often something may happen: Permits in every Per. The zero Rate is no bound.
type Rate struct {
	Permits float64
	Per     time.Duration
}

// removals bounds how fast agents are given up, so that a fault of the network does not cost a whole cluster at once.
type removals struct {
	limiter *runtime.Limiter                       // nil: no bound
	silent  map[ids.Agent]runtime.Future[struct{}] // permits that are waited for by agents that do not answer
}

// limitRemovals reads --agent_removal_rate_limit.
func (m *Master) limitRemovals() {
	m.removals.silent = map[ids.Agent]runtime.Future[struct{}]{}
	if rate := m.config.AgentRemovalRate; rate.Permits > 0 {
		m.removals.limiter = runtime.NewLimiter(m, rate.Permits, rate.Per)
	}
}

// permit is ready when the next agent may be given up.
func (r *removals) permit() leadership.Done {
	if r.limiter == nil {
		return runtime.Ready(struct{}{})
	}
	return r.limiter.Acquire()
}

// agentSilent is told by the observer of an agent that does not answer, again and again.
//
// Mesos: SlaveObserver::markUnreachable.
func (m *Master) agentSilent(id ids.Agent) {
	if _, waiting := m.removals.silent[id]; waiting {
		return
	}
	permit := m.removals.permit()
	m.counts.Agents.Unreachable.Scheduled++
	m.removals.silent[id] = permit
	runtime.Await(m, permit, func(_ struct{}, err error) {
		delete(m.removals.silent, id)
		a := m.book.Agent(id)
		if m.counts.Agents.Unreachable.Decided(a != nil && err == nil) {
			m.markUnreachable(a.Info, false, "health check timed out")
		}
	})
}

// agentHeard is told by the observer when the agent answers after all.
func (m *Master) agentHeard(id ids.Agent) {
	if permit, waiting := m.removals.silent[id]; waiting {
		m.Log().Info().Stringer("agent_id", id).Msg("agent answers again, it is not given up")
		permit.Discard()
	}
}

// reregisterTimeout gives up an agent whose connection broke and that did not come back.
//
// Mesos: Master::agentReregisterTimeout.
func (m *Master) reregisterTimeout(id ids.Agent) {
	delete(m.timers.disconnect, id)
	away := func() *book.Agent {
		if a := m.book.Agent(id); a != nil && !a.Connected {
			return a
		}
		return nil
	}
	if away() == nil {
		return
	}
	m.counts.Agents.Unreachable.Scheduled++
	runtime.Await(m, m.removals.permit(), func(struct{}, error) {
		if a := away(); m.counts.Agents.Unreachable.Decided(a != nil) {
			m.markUnreachable(a.Info, false, fmt.Sprintf("agent did not reregister within %s after disconnecting", m.config.AgentReregisterTimeout))
		}
	})
}

// giveUpRecovered gives up an agent of the registry that did not come to this master.
func (m *Master) giveUpRecovered(info *mesospb.SlaveInfo) {
	m.counts.Agents.Unreachable.Scheduled++
	runtime.Await(m, m.removals.permit(), func(struct{}, error) {
		m.counts.Agents.Unreachable.Decided(m.book.Recovered(ids.AgentOf(info.GetId())) != nil)
		m.markUnreachable(info, true, fmt.Sprintf("did not reregister within %s after master failover", m.config.AgentReregisterTimeout))
	})
}
