package sched

import (
	"net"
	"strconv"
	"strings"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// event handles the messages of the HTTP API, which a master may send instead of the mesos.internal ones. Events for
// which a v0 scheduler has no callback are dropped.
//
// Mesos: SchedulerProcess::receive.
func (p *SchedulerProcess) event(from runtime.PID, e *schedulerpb.Event) {
	switch e.GetType() {
	case schedulerpb.Event_SUBSCRIBED:
		p.subscribed(from, e.GetSubscribed())
	case schedulerpb.Event_OFFERS:
		p.offered(from, e.GetOffers().GetOffers(), agentPIDs(e.GetOffers().GetOffers()))
	case schedulerpb.Event_RESCIND:
		p.rescinded(from, ids.OfferOf(e.GetRescind().GetOfferId()))
	case schedulerpb.Event_UPDATE:
		p.updateEvent(from, e.GetUpdate().GetStatus())
	case schedulerpb.Event_MESSAGE:
		m := e.GetMessage()
		p.messaged(ids.ExecutorOf(m.GetExecutorId()), ids.AgentOf(m.GetSlaveId()), m.GetData())
	case schedulerpb.Event_FAILURE:
		p.failure(from, e.GetFailure())
	case schedulerpb.Event_ERROR:
		p.fail(e.GetError().GetMessage())
	default:
		p.Log().Debug().Stringer("type", e.GetType()).Msg("event dropped")
	}
}

// subscribed distinguishes a first registration from a later one, which the event itself does not.
func (p *SchedulerProcess) subscribed(from runtime.PID, e *schedulerpb.Event_Subscribed) {
	id := ids.FrameworkOf(e.GetFrameworkId())
	if p.failover || p.framework.GetId().GetValue() == "" {
		p.registered(from, id, p.master)
		return
	}
	p.reregistered(from, id, p.master)
}

// updateEvent acknowledges only updates that carry a UUID, because the event has no PID that would tell.
func (p *SchedulerProcess) updateEvent(from runtime.PID, status *mesospb.TaskStatus) {
	if status != nil && p.leads(from) {
		p.updated(status, status.GetUuid(), status.GetSlaveId())
	}
}

func (p *SchedulerProcess) failure(from runtime.PID, f *schedulerpb.Event_Failure) {
	switch {
	case f.GetSlaveId() == nil:
		p.Log().Warn().Stringer("from", from).Msg("failure event without agent dropped")
	case f.GetExecutorId() != nil:
		p.executorLost(from, ids.ExecutorOf(f.GetExecutorId()), ids.AgentOf(f.GetSlaveId()), int(f.GetStatus()))
	default:
		p.agentLost(from, ids.AgentOf(f.GetSlaveId()))
	}
}

// agentPIDs returns the agents' PIDs according to the URLs of their offers. The PID is zero where an offer has no URL.
func agentPIDs(offers []*mesospb.Offer) []runtime.PID {
	pids := make([]runtime.PID, len(offers))
	for i, o := range offers {
		a := o.GetUrl().GetAddress()
		addr := net.JoinHostPort(a.GetIp(), strconv.Itoa(int(a.GetPort())))
		pids[i], _ = runtime.ParsePID(strings.Trim(o.GetUrl().GetPath(), "/") + "@" + addr)
	}
	return pids
}
