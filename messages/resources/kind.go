package resources

import (
	"cmp"
	"slices"
	"unique"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Type is the type of a resource's value.
type Type uint8

// The types of resources. Mesos's TEXT is for attributes only.
const (
	ScalarType Type = iota // an amount: cpus:4
	RangesType             // numbers: ports:[31000-32000]
	SetType                // names: disks:{sda, sdb}
)

// kind is everything about a resource except its amount and the role it is allocated to. It is comparable. A [Resource]
// holds it interned, so that a search in a bag compares pointers.
type kind struct {
	name         string
	reservations unique.Handle[layer]
	disk         unique.Handle[disk]
	provider     ids.ResourceProvider // if fromProvider
	typ          Type
	fromProvider bool
	revocable    bool
	shared       bool
}

// layer is a reservation on top of those it refines. Stacks share their lower layers.
type layer struct {
	below        unique.Handle[layer]
	role         string
	principal    string // if hasPrincipal
	labels       string // encoded, if hasLabels
	depth        int
	dynamic      bool
	hasPrincipal bool
	hasLabels    bool
}

// disk is the identity of a DiskInfo. How it is mounted (DiskInfo.volume) and who created it (persistence.principal)
// are not part of it.
type disk struct {
	identity    string // encoded source and persistence
	id          string // of the persistent volume
	source      mesospb.Resource_DiskInfo_Source_Type
	persistent  bool
	indivisible bool // a whole device, or a volume with data: taken as a whole, and never joined with another
}

// unreserved is the empty stack of reservations; noDisk stands for no DiskInfo.
var (
	unreserved unique.Handle[layer]
	noDisk     unique.Handle[disk]
)

// noRole is the role of resources that are not allocated.
var noRole unique.Handle[string]

func (k *kind) isReserved() bool { return k.reservations != unreserved }

// top returns the topmost reservation, which is the effective one. k must be reserved.
func (k *kind) top() layer { return k.reservations.Value() }

// reservationRole returns the role that k is reserved to, or "*".
func (k *kind) reservationRole() string {
	if !k.isReserved() {
		return "*"
	}
	return k.top().role
}

func (k *kind) isPersistent() bool { return k.disk != noDisk && k.disk.Value().persistent }

// isIndivisible reports whether resources of this kind can only be taken as a whole.
//
// Mesos: addable, subtractable.
func (k *kind) isIndivisible() bool {
	return k.shared || k.disk != noDisk && k.disk.Value().indivisible
}

// layersOf interns a stack of reservations, given from the lowest to the topmost.
func layersOf(infos []*mesospb.Resource_ReservationInfo) unique.Handle[layer] {
	stack := unreserved
	for _, info := range infos {
		stack = push(stack, info)
	}
	return stack
}

// push interns the stack with info on top.
func push(stack unique.Handle[layer], info *mesospb.Resource_ReservationInfo) unique.Handle[layer] {
	l := layer{
		below:        stack,
		role:         info.GetRole(),
		principal:    info.GetPrincipal(),
		dynamic:      info.GetType() == mesospb.Resource_ReservationInfo_DYNAMIC,
		hasPrincipal: info.Principal != nil,
		hasLabels:    info.Labels != nil,
		labels:       encodeLabels(info.GetLabels()),
		depth:        1,
	}
	if stack != unreserved {
		l.depth += stack.Value().depth
	}
	return unique.Make(l)
}

// infos is the inverse of [layersOf].
func infos(stack unique.Handle[layer]) []*mesospb.Resource_ReservationInfo {
	if stack == unreserved {
		return nil
	}
	out := make([]*mesospb.Resource_ReservationInfo, stack.Value().depth)
	for i := len(out) - 1; i >= 0; i-- {
		l := stack.Value()
		out[i] = l.proto()
		stack = l.below
	}
	return out
}

func (l *layer) proto() *mesospb.Resource_ReservationInfo {
	info := &mesospb.Resource_ReservationInfo{
		Type: mesospb.Resource_ReservationInfo_STATIC.Enum(),
		Role: proto.String(l.role),
	}
	if l.dynamic {
		info.Type = mesospb.Resource_ReservationInfo_DYNAMIC.Enum()
	}
	if l.hasPrincipal {
		info.Principal = proto.String(l.principal)
	}
	if l.hasLabels {
		info.Labels = decodeLabels(l.labels)
	}
	return info
}

// diskOf interns the identity of info.
func diskOf(info *mesospb.Resource_DiskInfo) unique.Handle[disk] {
	if info == nil {
		return noDisk
	}
	identity := &mesospb.Resource_DiskInfo{Source: info.GetSource()}
	if info.GetSource().GetMetadata() != nil {
		identity.Source = proto.CloneOf(info.GetSource())
		identity.Source.Metadata = sortedLabels(info.GetSource().GetMetadata())
	}
	if info.GetPersistence() != nil {
		identity.Persistence = &mesospb.Resource_DiskInfo_Persistence{Id: proto.String(info.GetPersistence().GetId())}
	}
	return unique.Make(disk{
		identity:    encode(identity),
		id:          info.GetPersistence().GetId(),
		source:      info.GetSource().GetType(),
		persistent:  info.GetPersistence() != nil,
		indivisible: indivisible(info),
	})
}

func indivisible(info *mesospb.Resource_DiskInfo) bool {
	switch info.GetSource().GetType() {
	case mesospb.Resource_DiskInfo_Source_MOUNT, mesospb.Resource_DiskInfo_Source_BLOCK:
		return true
	case mesospb.Resource_DiskInfo_Source_RAW:
		if info.GetSource().Id != nil {
			return true
		}
	}
	return info.GetPersistence() != nil
}

// encodeLabels encodes labels so that the same labels in any order give the same string.
func encodeLabels(labels *mesospb.Labels) string {
	if labels == nil {
		return ""
	}
	return encode(sortedLabels(labels))
}

func sortedLabels(labels *mesospb.Labels) *mesospb.Labels {
	sorted := slices.SortedStableFunc(slices.Values(labels.GetLabels()), func(a, b *mesospb.Label) int {
		return cmp.Or(cmp.Compare(a.GetKey(), b.GetKey()), cmp.Compare(a.GetValue(), b.GetValue()))
	})
	return &mesospb.Labels{Labels: sorted}
}

func decodeLabels(encoded string) *mesospb.Labels {
	labels := &mesospb.Labels{}
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(encoded), labels); err != nil {
		panic("resources: labels that were encoded here cannot be decoded: " + err.Error())
	}
	return labels
}

func encode(m proto.Message) string {
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		panic("resources: a validated message cannot be encoded: " + err.Error())
	}
	return string(b)
}
