package cluster

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/master/maintenance"
	"meseta/messages/ids"
	"meseta/messages/pb/allocatorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// InverseOffers asks frameworks to leave agents before the maintenance of their machines.
type InverseOffers struct {
	*conversation
	book     *book.Book
	plan     maintenance.Plan
	made     *maintenance.InverseOffers
	timeouts timeouts
	ids      func() ids.Offer
	interval time.Duration // of the allocator, between inverse offers
	timer    runtime.Timer // for the next inverse offers
}

// Plan returns the maintenance schedule.
func (all *InverseOffers) Plan() maintenance.Plan { return all.plan }

// Replan replaces the maintenance schedule. It calls rescind for the agents, and takes back the inverse offers, of
// machines whose unavailability changed.
func (all *InverseOffers) Replan(plan maintenance.Plan, rescind func(*book.Agent)) {
	before := all.plan
	all.plan = plan
	for _, a := range all.book.AgentsOn(slices.Concat(before.Machines(), plan.Machines())...) {
		machine := a.Machine()
		if proto.Equal(before.Unavailability(machine), plan.Unavailability(machine)) {
			continue
		}
		rescind(a)
		all.RescindOn(a)
		all.Forget(func(p maintenance.Pair) bool { return p.Agent == a.ID })
	}
}

// Forget removes the inverse offers and answers of pairs for which gone returns true.
func (all *InverseOffers) Forget(gone func(maintenance.Pair) bool) { all.made.Forget(gone) }

// Answers returns how frameworks answered inverse offers for an agent.
func (all *InverseOffers) Answers(agent ids.Agent) []*allocatorpb.InverseOfferStatus {
	return all.made.Answers(agent)
}

// Make makes inverse offers to frameworks that use resources of agents with scheduled maintenance. It repeats this
// every allocation interval while there is a schedule, for frameworks that got resources since.
//
// Mesos: HierarchicalAllocatorProcess::generateInverseOffers and Master::inverseOffer.
func (all *InverseOffers) Make() {
	all.timer.Cancel()
	if all.plan.IsEmpty() {
		return
	}
	all.timer = all.actor.Delay(all.interval, all.Make)
	messages := map[ids.Framework]*internalpb.InverseOffersMessage{}
	for _, a := range all.book.AgentsOn(all.plan.Machines()...) {
		when := all.plan.Unavailability(a.Machine())
		if when == nil || !a.Active {
			continue
		}
		for _, f := range all.frameworksOn(a) {
			if f.IsActive() && all.made.MayAsk(maintenance.Pair{Framework: f.ID, Agent: a.ID}, all.actor.Now()) {
				all.add(f, a, when, messages)
			}
		}
	}
	for _, f := range all.book.Frameworks() {
		if msg := messages[f.ID]; msg != nil {
			all.actor.Log().Info().Stringer("framework_id", f.ID).Int("inverse_offers", len(msg.InverseOffers)).Msg("inverse offers sent")
			all.Tell(f, msg)
		}
	}
}

// frameworksOn returns the frameworks that use, or are offered, resources of a.
func (all *InverseOffers) frameworksOn(a *book.Agent) []*book.Framework {
	on := a.FrameworkIDs()
	for _, o := range a.Offers() {
		on = append(on, o.Framework)
	}
	slices.Sort(on)
	var frameworks []*book.Framework
	for _, id := range slices.Compact(on) {
		frameworks = append(frameworks, all.book.Framework(id))
	}
	return frameworks
}

// add makes an inverse offer and adds it to the message for f.
func (all *InverseOffers) add(f *book.Framework, a *book.Agent, when *mesospb.Unavailability, messages map[ids.Framework]*internalpb.InverseOffersMessage) {
	q := &maintenance.InverseOffer{Pair: maintenance.Pair{Framework: f.ID, Agent: a.ID}, ID: all.ids()}
	q.Sent = &mesospb.InverseOffer{
		Id: q.ID.Proto(), FrameworkId: f.Info.Id, SlaveId: a.Info.Id, Url: agentURL(a), Unavailability: when,
	}
	all.made.Add(q)
	all.timeouts.begin(q.ID, func() { all.drop(q, true) })
	if messages[f.ID] == nil {
		messages[f.ID] = &internalpb.InverseOffersMessage{}
	}
	messages[f.ID].InverseOffers = append(messages[f.ID].InverseOffers, q.Sent)
	messages[f.ID].Pids = append(messages[f.ID].Pids, a.PID.String())
}

// drop removes an inverse offer. If rescind is true, it tells the scheduler.
//
// Mesos: Master::removeInverseOffer.
func (all *InverseOffers) drop(q *maintenance.InverseOffer, rescind bool) {
	all.timeouts.cancel(q.ID)
	all.made.Drop(q)
	if rescind {
		all.Tell(all.book.Framework(q.Framework), &internalpb.RescindInverseOfferMessage{InverseOfferId: q.Sent.Id})
	}
}

// DropOf removes the inverse offers to f. If rescind is true, it tells f.
func (all *InverseOffers) DropOf(f *book.Framework, rescind bool) {
	for _, q := range all.made.Of(func(p maintenance.Pair) bool { return p.Framework == f.ID }) {
		all.drop(q, rescind)
	}
}

// RescindOn rescinds the inverse offers for a.
func (all *InverseOffers) RescindOn(a *book.Agent) {
	for _, q := range all.made.Of(func(p maintenance.Pair) bool { return p.Agent == a.ID }) {
		all.drop(q, true)
	}
}

// Answer records f's answer to inverse offers. f is not asked again for the time in filters.
//
// Mesos: Master::acceptInverseOffers and declineInverseOffers.
func (all *InverseOffers) Answer(f *book.Framework, offers []*mesospb.OfferID, said allocatorpb.InverseOfferStatus_Status, filters *mesospb.Filters) {
	for _, p := range offers {
		q := all.made.Get(ids.OfferOf(p))
		if q == nil || q.Framework != f.ID {
			all.actor.Log().Warn().Stringer("framework_id", f.ID).Str("offer_id", p.GetValue()).
				Msg("answer to an inverse offer that is no longer valid ignored")
			continue
		}
		all.timeouts.cancel(q.ID)
		refused, _ := allocator.RefusalTime(filters)
		all.made.Answer(q, &allocatorpb.InverseOfferStatus{
			Status: said.Enum(), FrameworkId: f.Info.Id, Timestamp: &mesospb.TimeInfo{Nanoseconds: proto.Int64(all.actor.Now().UnixNano())},
		}, all.actor.Now().Add(refused))
		all.actor.Log().Info().Stringer("framework_id", f.ID).Stringer("agent_id", q.Agent).Stringer("answer", said).Msg("inverse offer answered")
	}
}
