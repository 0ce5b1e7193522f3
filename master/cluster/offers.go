package cluster

import (
	"math"
	"net/netip"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Offers holds the outstanding offers, which are in the book.
type Offers struct {
	*conversation
	book      *book.Book
	allocator Allocator
	inverse   *InverseOffers
	timeouts  timeouts
	ids       func() ids.Offer
}

// Offer offers a framework what the allocator allocated to it, in one message. What cannot be offered any more is
// returned to the allocator.
//
// Mesos: Master::offer.
func (all *Offers) Offer(framework ids.Framework, allocated []allocator.Offer) {
	f := all.book.Framework(framework)
	active := f != nil && f.IsActive()
	msg := &internalpb.ResourceOffersMessage{}
	for _, of := range allocated {
		if all.allocator.forgets(framework, of.Agent) {
			continue
		}
		a := all.book.Agent(of.Agent)
		if !active || a == nil || !a.Active || all.allocator.changes(of.Agent) {
			all.allocator.Recover(framework, of.Agent, of.Resources, nil, false)
			continue
		}
		o := all.add(f, a, of.Role, of.Resources)
		msg.Offers = append(msg.Offers, o.Sent)
		msg.Pids = append(msg.Pids, a.PID.String())
	}
	if len(msg.Offers) == 0 {
		return
	}
	all.actor.Log().Debug().Int("offers", len(msg.Offers)).Stringer("framework_id", f.ID).Msg("offers sent")
	f.Counts.OffersSent += uint64(len(msg.Offers))
	all.Tell(f, msg)
}

// add adds an offer to the book.
func (all *Offers) add(f *book.Framework, a *book.Agent, role string, rs resources.Resources) *book.Offer {
	o := &book.Offer{ID: all.ids(), Framework: f.ID, Agent: a.ID, Role: role, Resources: rs}
	o.Sent = offerMessage(o, f, a)
	if !all.inverse.plan.IsEmpty() {
		o.Sent.Unavailability = all.inverse.plan.Unavailability(a.Machine())
	}
	all.book.AddOffer(o)
	all.timeouts.begin(o.ID, func() { all.Rescind(o) })
	return o
}

// offerMessage returns an offer as its scheduler sees it.
func offerMessage(o *book.Offer, f *book.Framework, a *book.Agent) *mesospb.Offer {
	p := &mesospb.Offer{
		Id: o.ID.Proto(), FrameworkId: f.Info.Id, SlaveId: a.Info.Id, Hostname: a.Info.Hostname, Url: agentURL(a),
		Attributes: a.Info.Attributes, Domain: a.Info.Domain,
	}
	for _, e := range f.ExecutorsOn(a.ID) {
		p.ExecutorIds = append(p.ExecutorIds, e.Info.ExecutorId)
	}
	visible := o.Resources.Filter(func(r resources.Resource) bool { return r.Name() != "ephemeral_ports" })
	if f.Capabilities.MultiRole {
		p.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: proto.String(o.Role)}
	} else {
		visible = visible.Unallocate()
	}
	if f.Capabilities.ReservationRefinement {
		p.Resources = visible.Proto()
	} else {
		p.Resources = PreRefinement(visible)
	}
	return p
}

func agentURL(a *book.Agent) *mesospb.URL {
	addr, _ := netip.ParseAddrPort(a.PID.Addr)
	return &mesospb.URL{
		Scheme: proto.String("http"),
		Address: &mesospb.Address{
			Hostname: a.Info.Hostname, Ip: proto.String(addr.Addr().String()), Port: proto.Int32(int32(addr.Port())),
		},
		Path: proto.String("/" + a.PID.ID),
	}
}

// ---- the end of an offer ----

// Rescind takes an offer back and tells the scheduler.
//
// Mesos: Master::rescindOffer.
func (all *Offers) Rescind(o *book.Offer) { all.Withhold(o, nil) }

// Withhold is like Rescind, and keeps the resources from the framework for a while, as filters say.
func (all *Offers) Withhold(o *book.Offer, filters *mesospb.Filters) {
	f := all.book.Framework(o.Framework)
	f.Counts.OffersRescinded++
	all.Tell(f, &internalpb.RescindResourceOfferMessage{OfferId: o.Sent.Id})
	all.Discard(o, filters)
}

// Discard takes an offer back without telling the scheduler, which knows it.
//
// Mesos: Master::discardOffer.
func (all *Offers) Discard(o *book.Offer, filters *mesospb.Filters) {
	all.allocator.Recover(o.Framework, o.Agent, o.Resources, filters, false)
	all.remove(o)
}

// remove removes an offer from the book. The caller accounts for its resources.
func (all *Offers) remove(o *book.Offer) {
	all.timeouts.cancel(o.ID)
	all.book.RemoveOffer(o)
}

// Taken is the sum of accepted offers.
type Taken struct {
	Agent     ids.Agent
	Role      string
	Resources resources.Resources
}

// Take removes valid offers from the book. The caller accounts for their resources.
func (all *Offers) Take(offers []*mesospb.OfferID) Taken {
	var t Taken
	for _, p := range offers {
		o := all.book.Offer(ids.OfferOf(p))
		t.Agent, t.Role, t.Resources = o.Agent, o.Role, t.Resources.Plus(o.Resources)
		all.remove(o)
	}
	return t
}

// RescindAll rescinds all offers.
func (all *Offers) RescindAll() {
	for _, a := range all.book.Agents() {
		all.RescindOn(a)
	}
}

// RescindOn rescinds the offers of a.
func (all *Offers) RescindOn(a *book.Agent) {
	for _, o := range a.Offers() {
		all.Rescind(o)
	}
}

// timeouts ends offers and inverse offers that are not answered in time (--offer_timeout).
type timeouts struct {
	actor  *runtime.Actor
	after  time.Duration // [Never] means no timeout
	timers map[ids.Offer]runtime.Timer
}

// Never is the timeout of offers that do not time out.
const Never = time.Duration(math.MaxInt64)

func (t *timeouts) begin(id ids.Offer, end func()) {
	if t.after != Never {
		t.timers[id] = t.actor.Delay(t.after, end)
	}
}

func (t *timeouts) cancel(id ids.Offer) {
	if timer, ok := t.timers[id]; ok {
		timer.Cancel()
		delete(t.timers, id)
	}
}

// PreRefinement returns resources in the older format if it can express them. This is always so for the resources of an
// old agent.
func PreRefinement(rs resources.Resources) []*mesospb.Resource {
	old, err := rs.PreRefinement()
	if err != nil {
		return rs.Proto()
	}
	return old
}
