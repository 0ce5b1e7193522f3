package resources

import (
	"errors"
	"fmt"
	"unique"

	"meseta/messages/pb/mesospb"
)

// Conversion is the effect of an operation on resources: it consumes some and adds others in their place.
type Conversion struct {
	Consumed, Converted Resources
	// check, if set, returns an error if the outcome is not allowed.
	check func(Resources) error
}

// Unallocate returns c for resources that are not allocated to any role, such as those of an agent. It drops the check
// of the outcome.
func (c Conversion) Unallocate() Conversion {
	return Conversion{Consumed: c.Consumed.Unallocate(), Converted: c.Converted.Unallocate()}
}

// Apply returns rs after conversions. It fails if rs lacks resources that one of them consumes.
//
// Mesos: ResourceConversion::apply.
func (rs Resources) Apply(conversions ...Conversion) (Resources, error) {
	for _, c := range conversions {
		if !rs.Contains(c.Consumed) {
			return Resources{}, fmt.Errorf("%s does not contain %s", rs, c.Consumed)
		}
		rs = rs.Minus(c.Consumed).Plus(c.Converted)
		if c.check == nil {
			continue
		}
		if err := c.check(rs); err != nil {
			return Resources{}, err
		}
	}
	return rs, nil
}

// ConversionsOf returns the effect of op on the resources it is applied to. It fails for operations that do more than
// convert resources: launches, and operations on the disks of resource providers.
//
// Mesos: getResourceConversions.
func ConversionsOf(op *mesospb.Offer_Operation) ([]Conversion, error) {
	switch op.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		return reserve(op.GetReserve())
	case mesospb.Offer_Operation_UNRESERVE:
		return each(op.GetUnreserve().GetResources(), func(p *mesospb.Resource) (Conversion, error) {
			reserved, err := single(p)
			return Conversion{Consumed: reserved, Converted: reserved.PopReservation()}, err
		})
	case mesospb.Offer_Operation_CREATE:
		return each(op.GetCreate().GetVolumes(), create)
	case mesospb.Offer_Operation_DESTROY:
		return each(op.GetDestroy().GetVolumes(), destroy)
	case mesospb.Offer_Operation_GROW_VOLUME:
		return one(grow(op.GetGrowVolume()))
	case mesospb.Offer_Operation_SHRINK_VOLUME:
		return one(shrink(op.GetShrinkVolume()))
	case mesospb.Offer_Operation_UNKNOWN:
		return nil, errors.New("Unknown operation")
	default:
		return nil, errors.New("Operation not supported")
	}
}

// single returns the resources in one message.
func single(p *mesospb.Resource) (Resources, error) { return FromProto([]*mesospb.Resource{p}) }

func one(c Conversion, err error) ([]Conversion, error) { return []Conversion{c}, err }

func each(ps []*mesospb.Resource, convert func(*mesospb.Resource) (Conversion, error)) ([]Conversion, error) {
	out := make([]Conversion, len(ps))
	for i, p := range ps {
		var err error
		if out[i], err = convert(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func reserve(op *mesospb.Offer_Operation_Reserve) ([]Conversion, error) {
	reserved, err := FromProto(op.GetResources())
	if err != nil {
		return nil, err
	}
	consumed := reserved.PopReservation()
	if len(op.GetSource()) > 0 {
		if consumed, err = FromProto(op.GetSource()); err != nil {
			return nil, err
		}
	}
	return []Conversion{{Consumed: consumed, Converted: reserved}}, nil
}

func create(p *mesospb.Resource) (Conversion, error) {
	volume, err := single(p)
	return Conversion{Consumed: volume.WithoutVolumes(), Converted: volume}, err
}

func destroy(p *mesospb.Resource) (Conversion, error) {
	volume, err := single(p)
	return Conversion{Consumed: volume, Converted: volume.WithoutVolumes(), check: func(left Resources) error {
		if left.Contains(volume) {
			return fmt.Errorf("Persistent volume %s cannot be removed due to additional shared copies", volume)
		}
		return nil
	}}, err
}

func grow(op *mesospb.Offer_Operation_GrowVolume) (Conversion, error) {
	consumed, err := FromProto([]*mesospb.Resource{op.GetVolume(), op.GetAddition()})
	if err != nil {
		return Conversion{}, err
	}
	if op.GetVolume().GetProviderId() != nil {
		return Conversion{}, errors.New("Operation not supported for resource provider")
	}
	volume := fromValid(op.GetVolume())
	volume.amount = volume.amount.Plus(QuantityOf(op.GetAddition().GetScalar().GetValue()))
	return Conversion{Consumed: consumed, Converted: Of(volume)}, nil
}

func shrink(op *mesospb.Offer_Operation_ShrinkVolume) (Conversion, error) {
	consumed, err := single(op.GetVolume())
	if err != nil {
		return Conversion{}, err
	}
	if op.GetVolume().GetProviderId() != nil {
		return Conversion{}, errors.New("Operation not supported for resource provider")
	}
	shrunk, freed := fromValid(op.GetVolume()), fromValid(op.GetVolume())
	taken, err := exactly(op.GetSubtract().GetValue())
	switch {
	case err != nil:
		return Conversion{}, fmt.Errorf("Value of 'ShrinkVolume.subtract': %w", err)
	case taken <= 0:
		return Conversion{}, errors.New("Value of 'ShrinkVolume.subtract' must be greater than zero")
	case taken >= shrunk.amount:
		return Conversion{}, errors.New("Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'")
	}
	shrunk.amount, freed.amount = shrunk.amount.Minus(taken), taken
	return Conversion{Consumed: consumed, Converted: Of(shrunk).Plus(Of(freed).WithoutVolumes())}, nil
}

// WithoutVolumes returns rs with the disks of persistent volumes in place of the volumes.
func (rs Resources) WithoutVolumes() Resources {
	var items []Resource
	for _, r := range rs.items {
		items = add(items, r.withoutVolume())
	}
	return Resources{items}
}

func (r Resource) withoutVolume() Resource {
	if !r.IsPersistentVolume() {
		return r
	}
	var bare *mesospb.Resource_DiskInfo
	if source := r.Disk().GetSource(); source != nil {
		bare = &mesospb.Resource_DiskInfo{Source: source}
	}
	k := r.kind.Value()
	k.shared, k.disk = false, diskOf(bare)
	r.more = nil
	if bare != nil {
		r.more = &more{disk: bare}
	}
	return r.with(k)
}

// Checkpointed returns the resources that an agent has to checkpoint because it was not started with them: dynamic
// reservations and persistent volumes.
//
// Mesos: needCheckpointing.
func (rs Resources) Checkpointed() Resources {
	return rs.Filter(func(r Resource) bool { return r.IsDynamicallyReserved() || r.IsPersistentVolume() })
}

// WithCheckpointed returns the resources that an agent was started with, with checkpointed ones in place of those they
// were made from. It fails if they do not fit.
//
// Mesos: applyCheckpointedResources.
func (rs Resources) WithCheckpointed(checkpointed Resources) (Resources, error) {
	for _, r := range checkpointed.items {
		if !r.IsDynamicallyReserved() && !r.IsPersistentVolume() {
			return Resources{}, fmt.Errorf("Unexpected checkpointed resources %s", r)
		}
		before := Of(r.asStarted())
		if !rs.Contains(before) {
			return Resources{}, fmt.Errorf("Incompatible agent resources: %s does not contain %s", rs, before)
		}
		rs = rs.Minus(before).Plus(Of(r))
	}
	return rs, nil
}

// asStarted returns what r was made from: r without its volume and its dynamic reservations.
func (r Resource) asStarted() Resource {
	r = r.withoutVolume()
	k := r.kind.Value()
	for k.isReserved() && k.top().dynamic {
		k.reservations = k.top().below
	}
	return r.with(k)
}

// Key identifies resources in a bag that are shared or indivisible. It is comparable.
type Key struct {
	kind   unique.Handle[kind]
	role   unique.Handle[string]
	amount Quantity
}

// Key returns the resource's key, which covers its kind, its allocation role and its amount.
func (r Resource) Key() Key { return Key{r.kind, r.role, r.amount} }
