package master

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/master/maintenance"
	"meseta/messages/ids"
	"meseta/messages/pb/allocatorpb"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
)

// askToLeave makes inverse offers to the frameworks that have something of agents which will be out of service, and
// again every allocation interval while there is a plan, for those that got something since.
//
// Mesos: HierarchicalAllocatorProcess::generateInverseOffers and Master::inverseOffer.
func (m *Master) askToLeave() {
	m.timers.leave.Cancel()
	if m.plan.IsEmpty() {
		return
	}
	m.timers.leave = m.Delay(max(m.config.Allocator.AllocationInterval, shortestInterval), m.askToLeave)
	messages := map[ids.Framework]*internalpb.InverseOffersMessage{}
	for _, a := range m.book.Agents() {
		when := m.plan.Unavailability(machineOf(a))
		if when == nil || !a.Active {
			continue
		}
		for _, f := range m.frameworksOn(a) {
			if f.IsActive() && m.requests.MayAsk(maintenance.Pair{Framework: f.ID, Agent: a.ID}, m.Now()) {
				m.newRequest(f, a, when, messages)
			}
		}
	}
	for _, f := range m.book.Frameworks() {
		if msg := messages[f.ID]; msg != nil {
			m.Log().Info().Stringer("framework_id", f.ID).Int("inverse_offers", len(msg.InverseOffers)).Msg("inverse offers sent")
			m.send(f, msg)
		}
	}
}

// frameworksOn lists who has something of a, or is offered something.
func (m *Master) frameworksOn(a *book.Agent) []*book.Framework {
	on := a.FrameworkIDs()
	for _, o := range a.Offers() {
		on = append(on, o.Framework)
	}
	slices.Sort(on)
	var frameworks []*book.Framework
	for _, id := range slices.Compact(on) {
		frameworks = append(frameworks, m.book.Framework(id))
	}
	return frameworks
}

// newRequest makes an inverse offer and adds it to what f is sent.
func (m *Master) newRequest(f *book.Framework, a *book.Agent, when *mesospb.Unavailability, messages map[ids.Framework]*internalpb.InverseOffersMessage) {
	q := &maintenance.Request{Pair: maintenance.Pair{Framework: f.ID, Agent: a.ID}, ID: m.nextOfferID()}
	q.Sent = &mesospb.InverseOffer{
		Id: q.ID.Proto(), FrameworkId: f.Info.Id, SlaveId: a.Info.Id, Url: agentURL(a), Unavailability: when,
	}
	m.requests.Add(q)
	if m.config.OfferTimeout != Never {
		m.Delay(m.config.OfferTimeout, func() {
			if q := m.requests.Get(q.ID); q != nil {
				m.dropRequest(q, true)
			}
		})
	}
	if messages[f.ID] == nil {
		messages[f.ID] = &internalpb.InverseOffersMessage{}
	}
	messages[f.ID].InverseOffers = append(messages[f.ID].InverseOffers, q.Sent)
	messages[f.ID].Pids = append(messages[f.ID].Pids, a.PID.String())
}

// dropRequest takes an inverse offer back, and tells the scheduler unless it knows.
//
// Mesos: Master::removeInverseOffer.
func (m *Master) dropRequest(q *maintenance.Request, rescind bool) {
	m.requests.Drop(q)
	if rescind {
		m.send(m.book.Framework(q.Framework), &internalpb.RescindInverseOfferMessage{InverseOfferId: q.Sent.Id})
	}
}

// dropRequestsOf takes back what f is asked.
func (m *Master) dropRequestsOf(f *book.Framework, rescind bool) {
	for _, q := range m.requests.Of(func(p maintenance.Pair) bool { return p.Framework == f.ID }) {
		m.dropRequest(q, rescind)
	}
}

// rescindRequestsOn takes back what frameworks are asked about a.
func (m *Master) rescindRequestsOn(a *book.Agent) {
	for _, q := range m.requests.Of(func(p maintenance.Pair) bool { return p.Agent == a.ID }) {
		m.dropRequest(q, true)
	}
}

// answerRequests notes what f says to inverse offers, and does not ask again for as long as filters say.
//
// Mesos: Master::acceptInverseOffers and declineInverseOffers.
func (m *Master) answerRequests(f *book.Framework, offers []*mesospb.OfferID, said allocatorpb.InverseOfferStatus_Status, filters *mesospb.Filters) {
	for _, p := range offers {
		q := m.requests.Get(ids.OfferOf(p))
		if q == nil || q.Framework != f.ID {
			m.Log().Warn().Stringer("framework_id", f.ID).Str("offer_id", p.GetValue()).
				Msg("answer to an inverse offer that is no longer valid ignored")
			continue
		}
		m.requests.Answer(q, &allocatorpb.InverseOfferStatus{
			Status: said.Enum(), FrameworkId: f.Info.Id, Timestamp: &mesospb.TimeInfo{Nanoseconds: proto.Int64(m.Now().UnixNano())},
		}, m.Now().Add(refusalTime(filters)))
		m.Log().Info().Stringer("framework_id", f.ID).Stringer("agent_id", q.Agent).Stringer("answer", said).Msg("inverse offer answered")
	}
}

// refusalTime is for how long filters refuse. What makes no sense is five seconds, the message's default.
func refusalTime(filters *mesospb.Filters) time.Duration {
	const most, usual = 365 * 24 * time.Hour, 5 * time.Second
	switch seconds := refusal(filters).GetRefuseSeconds(); {
	case seconds > most.Seconds():
		return most
	case seconds >= 0:
		return time.Duration(seconds * float64(time.Second))
	}
	return usual
}

// maintenanceStatus is how far those machines of the plan are that o may see, and what frameworks said to leaving them.
func (m *Master) maintenanceStatus(o operator) *maintenancepb.ClusterStatus {
	status := m.plan.Status(func(id *mesospb.MachineID) bool {
		return authorizer.Allows(o.may, authorizationpb.Action_GET_MAINTENANCE_STATUS, machineObject(id))
	})
	for _, draining := range status.GetDrainingMachines() {
		for _, a := range m.book.Agents() {
			if machineOf(a) == maintenance.MachineOf(draining.GetId()) {
				draining.Statuses = append(draining.Statuses, m.requests.Answers(a.ID)...)
			}
		}
	}
	return status
}
