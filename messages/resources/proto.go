package resources

import (
	"errors"
	"unique"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/values"
)

// FromProto returns the bag of the resources in ps, whose reservations may be in either format. If one of them is
// invalid, it fails with the reason that Mesos gives ([ValidateAll]). Empty resources (cpus:0) are left out.
func FromProto(ps []*mesospb.Resource) (Resources, error) {
	if err := ValidateAll(ps); err != nil {
		return Resources{}, err
	}
	items := make([]Resource, 0, len(ps))
	for _, p := range ps {
		items = add(items, fromValid(p))
	}
	return Resources{items}, nil
}

// FromValid returns the bag of resources that were validated before. It leaves out invalid ones, as Mesos does wherever
// it turns messages into Resources.
func FromValid(ps []*mesospb.Resource) Resources {
	items := make([]Resource, 0, len(ps))
	for _, p := range ps {
		if Validate(p) == nil {
			items = add(items, fromValid(p))
		}
	}
	return Resources{items}
}

// fromValid returns a resource that [Validate] accepts.
func fromValid(p *mesospb.Resource) Resource {
	k := kind{
		name:         p.GetName(),
		reservations: reservationsOf(p),
		disk:         diskOf(p.GetDisk()),
		provider:     ids.ResourceProviderOf(p.GetProviderId()),
		fromProvider: p.GetProviderId() != nil,
		revocable:    p.GetRevocable() != nil,
		shared:       p.GetShared() != nil,
	}
	var r Resource
	switch p.GetType() {
	case mesospb.Value_SCALAR:
		k.typ, r.amount = ScalarType, QuantityOf(p.GetScalar().GetValue())
	case mesospb.Value_RANGES:
		k.typ = RangesType
	case mesospb.Value_SET:
		k.typ = SetType
	}
	if k.typ != ScalarType || p.GetDisk() != nil || k.shared {
		r.more = moreOf(p)
	}
	r.kind = unique.Make(k)
	if p.GetAllocationInfo() != nil {
		r.role = unique.Make(p.GetAllocationInfo().GetRole())
	}
	return r
}

// moreOf returns the parts that most resources lack, or nil.
func moreOf(p *mesospb.Resource) *more {
	m := &more{disk: p.GetDisk()}
	switch p.GetType() {
	case mesospb.Value_RANGES:
		m.ranges = rangesOf(p.GetRanges())
	case mesospb.Value_SET:
		m.set = SetOf(p.GetSet().GetItem()...)
	}
	if p.GetShared() != nil {
		m.shares = 1
	}
	return m
}

// reservationsOf returns the reservations, from either format.
//
// Mesos: convertResourceFormat.
func reservationsOf(p *mesospb.Resource) unique.Handle[layer] {
	switch {
	case len(p.GetReservations()) > 0:
		return layersOf(p.GetReservations())
	case p.GetRole() == "*":
		return unreserved
	}
	info := &mesospb.Resource_ReservationInfo{
		Type: mesospb.Resource_ReservationInfo_STATIC.Enum(),
		Role: p.Role,
	}
	if old := p.GetReservation(); old != nil {
		info.Type = mesospb.Resource_ReservationInfo_DYNAMIC.Enum()
		info.Principal, info.Labels = old.Principal, old.Labels
	}
	return push(unreserved, info)
}

func rangesOf(p *mesospb.Value_Ranges) Ranges { return RangesOf(values.RangesOf(p)...) }

// Proto returns the bag as messages, with stacks of reservations. The messages share parts with each other and with
// those the bag was read from, and must not be changed.
func (rs Resources) Proto() []*mesospb.Resource {
	out := make([]*mesospb.Resource, 0, len(rs.items))
	for i := range rs.items {
		out = rs.items[i].appendProto(out)
	}
	return out
}

// Proto returns the resource as a message, with its stack of reservations. The message must not be changed.
func (r Resource) Proto() *mesospb.Resource {
	k := r.kind.Value()
	m := &message{name: k.name}
	p := &m.resource
	p.Name, p.Reservations, p.Disk = &m.name, infos(k.reservations), r.Disk()
	m.setValue(&r, k.typ)
	if role, allocated := r.AllocationRole(); allocated {
		m.role = role
		m.allocation.Role = &m.role
		p.AllocationInfo = &m.allocation
	}
	if k.fromProvider {
		p.ProviderId = k.provider.Proto()
	}
	if k.revocable {
		p.Revocable = &mesospb.Resource_RevocableInfo{}
	}
	if k.shared {
		p.Shared = &mesospb.Resource_SharedInfo{}
	}
	return p
}

// message is a Resource together with the parts that most resources have, so that one allocation is enough. Offers and
// tasks are written constantly.
type message struct {
	resource   mesospb.Resource
	scalar     mesospb.Value_Scalar
	allocation mesospb.Resource_AllocationInfo
	name, role string
	amount     float64
	typ        mesospb.Value_Type
}

func (m *message) setValue(r *Resource, typ Type) {
	p := &m.resource
	p.Type = &m.typ
	switch typ {
	case ScalarType:
		m.typ, m.amount = mesospb.Value_SCALAR, r.amount.Float()
		m.scalar.Value = &m.amount
		p.Scalar = &m.scalar
	case RangesType:
		m.typ, p.Ranges = mesospb.Value_RANGES, r.Ranges().proto()
	case SetType:
		m.typ, p.Set = mesospb.Value_SET, &mesospb.Value_Set{Item: r.Set().Items()}
	}
}

// appendProto appends r once, or as often as it is shared.
func (r *Resource) appendProto(out []*mesospb.Resource) []*mesospb.Resource {
	for range max(1, r.Shares()) {
		out = append(out, r.Proto())
	}
	return out
}

func (rs Ranges) proto() *mesospb.Value_Ranges { return values.RangesProto(rs.intervals) }

// PreRefinement returns the bag as messages with a role and at most one dynamic reservation each, for peers that do not
// know stacks of reservations. If a resource has such a stack, it fails with the reason that Mesos gives.
//
// Mesos: downgradeResources.
func (rs Resources) PreRefinement() ([]*mesospb.Resource, error) {
	for _, r := range rs.items {
		if r.HasRefinedReservation() {
			return nil, errors.New("Cannot downgrade resources containing refined reservations")
		}
	}
	out := rs.Proto()
	for _, p := range out {
		downgrade(p)
		p.Reservations = nil
	}
	return out, nil
}

// ForEndpoint returns the bag as messages in both formats, as far as possible, for readers of JSON.
//
// Mesos: convertResourceFormat, ENDPOINT.
func (rs Resources) ForEndpoint() []*mesospb.Resource {
	out := rs.Proto()
	for _, p := range out {
		downgrade(p)
	}
	return out
}

// downgrade sets the role and reservation of the older format if they can express p's stack of reservations.
func downgrade(p *mesospb.Resource) {
	switch len(p.GetReservations()) {
	case 0:
		p.Role = proto.String("*")
	case 1:
		only := p.GetReservations()[0]
		p.Role = only.Role
		if only.GetType() == mesospb.Resource_ReservationInfo_DYNAMIC {
			p.Reservation = &mesospb.Resource_ReservationInfo{Principal: only.Principal, Labels: only.Labels}
		}
	}
}
