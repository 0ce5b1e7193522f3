package master

import (
	"net/netip"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// offer makes offers of what the allocator gives to a framework, and sends them together. What cannot be offered any
// more goes back.
//
// Mesos: Master::offer.
func (m *Master) offer(framework ids.Framework, allocated []allocator.Offer) {
	f := m.book.Framework(framework)
	active := f != nil && f.IsActive()
	msg := &internalpb.ResourceOffersMessage{}
	for _, of := range allocated {
		a := m.book.Agent(of.Agent)
		if !active || a == nil || !a.Active {
			m.allocator.Recover(framework, of.Agent, of.Resources, nil, false)
			continue
		}
		o := m.newOffer(f, a, of.Role, of.Resources)
		msg.Offers = append(msg.Offers, o.Sent)
		msg.Pids = append(msg.Pids, a.PID.String())
	}
	if len(msg.Offers) == 0 {
		return
	}
	m.Log().Debug().Int("offers", len(msg.Offers)).Stringer("framework_id", f.ID).Msg("offers sent")
	f.Counts.OffersSent += uint64(len(msg.Offers))
	m.send(f, msg)
}

// newOffer enters an offer into the book.
func (m *Master) newOffer(f *book.Framework, a *book.Agent, role string, rs resources.Resources) *book.Offer {
	o := &book.Offer{ID: m.nextOfferID(), Framework: f.ID, Agent: a.ID, Role: role, Resources: rs}
	o.Sent = offerMessage(o, f, a)
	if !m.plan.IsEmpty() {
		o.Sent.Unavailability = m.plan.Unavailability(machineOf(a))
	}
	m.book.AddOffer(o)
	if m.config.OfferTimeout != Never {
		id := o.ID
		m.timers.offers[id] = m.Delay(m.config.OfferTimeout, func() { m.offerTimeout(id) })
	}
	return o
}

// offerMessage is what the scheduler sees of an offer.
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
		p.Resources = preRefinement(visible)
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

func (m *Master) offerTimeout(id ids.Offer) {
	if o := m.book.Offer(id); o != nil {
		m.rescind(o)
	}
}

// rescind takes an offer back and tells the scheduler.
//
// Mesos: Master::rescindOffer.
func (m *Master) rescind(o *book.Offer) {
	f := m.book.Framework(o.Framework)
	f.Counts.OffersRescinded++
	m.send(f, &internalpb.RescindResourceOfferMessage{OfferId: o.Sent.Id})
	m.discard(o, nil)
}

// discard takes an offer back of which the scheduler knows that it is over.
//
// Mesos: Master::discardOffer.
func (m *Master) discard(o *book.Offer, filters *mesospb.Filters) {
	m.allocator.Recover(o.Framework, o.Agent, o.Resources, filters, false)
	m.removeOffer(o)
}

// removeOffer takes an offer out of the book whose resources are accounted for.
func (m *Master) removeOffer(o *book.Offer) {
	if timer, ok := m.timers.offers[o.ID]; ok {
		timer.Cancel()
		delete(m.timers.offers, o.ID)
	}
	m.book.RemoveOffer(o)
}
