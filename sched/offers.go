package sched

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Mesos: SchedulerProcess::resourceOffers.
func (p *SchedulerProcess) resourceOffers(from runtime.PID, m *internalpb.ResourceOffersMessage) {
	pids := make([]runtime.PID, len(m.GetPids()))
	for i, s := range m.GetPids() {
		pid, err := runtime.ParsePID(s)
		if err != nil {
			p.Log().Debug().Str("pid", s).Msg("invalid agent PID ignored")
		}
		pids[i] = pid
	}
	p.offered(from, m.GetOffers(), pids)
}

// offered stores the agents' addresses, for direct messages, and passes the offers to the scheduler.
func (p *SchedulerProcess) offered(from runtime.PID, offers []*mesospb.Offer, pids []runtime.PID) {
	if !p.leads(from) || len(offers) == 0 {
		return
	}
	for i, o := range offers {
		kept := offeredBy{agent: ids.AgentOf(o.GetSlaveId())}
		if i < len(pids) {
			kept.pid = pids[i]
		}
		p.offers[ids.OfferOf(o.GetId())] = kept
	}
	p.scheduler.ResourceOffers(p.driver, offers)
}

// Mesos: SchedulerProcess::rescindOffer.
func (p *SchedulerProcess) rescindResourceOffer(from runtime.PID, m *internalpb.RescindResourceOfferMessage) {
	p.rescinded(from, ids.OfferOf(m.GetOfferId()))
}

func (p *SchedulerProcess) rescinded(from runtime.PID, offer ids.Offer) {
	if !p.leads(from) {
		return
	}
	delete(p.offers, offer)
	p.scheduler.OfferRescinded(p.driver, offer)
}

// Mesos: SchedulerProcess::acceptOffers.
func (p *SchedulerProcess) accept(offers []ids.Offer, operations []*mesospb.Offer_Operation, filters *mesospb.Filters) {
	if !p.connected {
		p.dropTasks(operations)
		return
	}
	accept := &schedulerpb.Call_Accept{Operations: operations, Filters: orDefault(filters)}
	for _, id := range offers {
		accept.OfferIds = append(accept.OfferIds, id.Proto())
		p.use(id, operations)
	}
	p.call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: accept})
}

// use removes an accepted offer and keeps the address of its agent if tasks are launched there.
func (p *SchedulerProcess) use(id ids.Offer, operations []*mesospb.Offer_Operation) {
	o, known := p.offers[id]
	if !known {
		p.Log().Warn().Stringer("offer_id", id).Msg("unknown offer accepted")
		return
	}
	delete(p.offers, id)
	for _, task := range launched(operations) {
		switch agent := ids.AgentOf(task.GetSlaveId()); {
		case agent != o.agent:
			p.Log().Warn().Stringer("offer_id", id).Stringer("task_id", ids.TaskOf(task.GetTaskId())).
				Stringer("agent_id", agent).Msg("task launched with an offer of another agent")
		case !o.pid.IsZero():
			p.agents[agent] = o.pid
		}
	}
}

func launched(operations []*mesospb.Offer_Operation) []*mesospb.TaskInfo {
	var tasks []*mesospb.TaskInfo
	for _, o := range operations {
		if o.GetType() == mesospb.Offer_Operation_LAUNCH {
			tasks = append(tasks, o.GetLaunch().GetTaskInfos()...)
		}
	}
	return tasks
}

// Mesos: SchedulerProcess::declineOffer.
func (p *SchedulerProcess) decline(offer ids.Offer, filters *mesospb.Filters) {
	if !p.connected {
		return
	}
	delete(p.offers, offer)
	p.call(&schedulerpb.Call{
		Type:    schedulerpb.Call_DECLINE.Enum(),
		Decline: &schedulerpb.Call_Decline{OfferIds: []*mesospb.OfferID{offer.Proto()}, Filters: orDefault(filters)},
	})
}

func orDefault(f *mesospb.Filters) *mesospb.Filters {
	if f == nil {
		return &mesospb.Filters{}
	}
	return f
}

// Mesos: SchedulerProcess::reviveOffers.
func (p *SchedulerProcess) revive(roles []string) {
	if len(roles) == 0 {
		p.suppressed = nil
	} else {
		p.suppressed = slices.DeleteFunc(slices.Clone(p.suppressed), func(r string) bool { return slices.Contains(roles, r) })
	}
	if !p.connected {
		p.updateOnResume = true
		return
	}
	p.call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum(), Revive: &schedulerpb.Call_Revive{Roles: roles}})
}

// Mesos: SchedulerProcess::suppressOffers.
func (p *SchedulerProcess) suppress(roles []string) {
	if len(roles) == 0 {
		p.suppressed = sorted(p.framework.GetRoles())
	} else {
		p.suppressed = sorted(append(slices.Clone(p.suppressed), roles...))
	}
	if !p.connected {
		p.updateOnResume = true
		return
	}
	p.call(&schedulerpb.Call{Type: schedulerpb.Call_SUPPRESS.Enum(), Suppress: &schedulerpb.Call_Suppress{Roles: roles}})
}

// Mesos: SchedulerProcess::requestResources.
func (p *SchedulerProcess) request(requests []*mesospb.Request) {
	if p.connected {
		p.call(&schedulerpb.Call{Type: schedulerpb.Call_REQUEST.Enum(), Request: &schedulerpb.Call_Request{Requests: requests}})
	}
}
