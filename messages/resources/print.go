package resources

import (
	"fmt"
	"strings"

	"meseta/messages/pb/mesospb"
)

// String formats the bag as Mesos does: "cpus:4; mem:1024; ports:[31000-32000]", or "{}" if it is empty.
func (rs Resources) String() string {
	if rs.IsEmpty() {
		return "{}"
	}
	b := make([]byte, 0, 40*len(rs.items)) // most need no more
	for i := range rs.items {
		if i > 0 {
			b = append(b, "; "...)
		}
		b = rs.items[i].append(b)
	}
	return string(b)
}

// String formats the resource as Mesos does: its name, its special properties, its value. An example is
// "disk(allocated: web)(reservations: [(DYNAMIC,web,ops)])[MOUNT:/mnt,data:path]:100".
func (r Resource) String() string { return string(r.append(nil)) }

func (r *Resource) append(b []byte) []byte {
	k := r.kind.Value()
	b = append(b, k.name...)
	if role, allocated := r.AllocationRole(); allocated {
		b = append(b, "(allocated: "...)
		b = append(b, role...)
		b = append(b, ')')
	}
	b = appendProperties(b, infos(k.reservations), r.Disk(), k.revocable, k.shared)
	b = append(b, ':')
	b = r.appendValue(b, k.typ)
	if k.shared {
		b = fmt.Appendf(b, "<%d>", r.Shares())
	}
	return b
}

func appendProperties(b []byte, reservations []*mesospb.Resource_ReservationInfo, disk *mesospb.Resource_DiskInfo, revocable, shared bool) []byte {
	if len(reservations) > 0 {
		b = append(b, "(reservations: ["...)
		for i, info := range reservations {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "(%s)", printReservation(info))
		}
		b = append(b, "])"...)
	}
	if disk != nil {
		b = fmt.Appendf(b, "[%s]", printDisk(disk))
	}
	if revocable {
		b = append(b, "{REV}"...)
	}
	if shared {
		b = append(b, "<SHARED>"...)
	}
	return b
}

func (r *Resource) appendValue(b []byte, typ Type) []byte {
	switch typ {
	case RangesType:
		return r.Ranges().append(b)
	case SetType:
		return r.Set().append(b)
	default:
		return r.amount.append(b)
	}
}

func printReservation(info *mesospb.Resource_ReservationInfo) string {
	parts := []string{info.GetType().String(), info.GetRole()}
	if info.Principal != nil {
		parts = append(parts, info.GetPrincipal())
	}
	if info.Labels != nil {
		parts = append(parts, printLabels(info.GetLabels()))
	}
	return strings.Join(parts, ",")
}

func printLabels(labels *mesospb.Labels) string {
	var parts []string
	for _, l := range labels.GetLabels() {
		part := l.GetKey()
		if l.Value != nil {
			part += ": " + l.GetValue()
		}
		parts = append(parts, part)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func printDisk(d *mesospb.Resource_DiskInfo) string {
	var parts []string
	if d.GetSource() != nil {
		parts = append(parts, printSource(d.GetSource()))
	}
	if d.GetPersistence() != nil {
		parts = append(parts, d.GetPersistence().GetId())
	}
	s := strings.Join(parts, ",")
	if d.GetVolume() != nil {
		s += ":" + printVolume(d.GetVolume())
	}
	return s
}

func printSource(s *mesospb.Resource_DiskInfo_Source) string {
	name := s.GetType().String()
	switch {
	case s.Id != nil || s.Profile != nil: // the disk comes from a storage plugin
		return fmt.Sprintf("%s(%s,%s,%s)", name, s.GetVendor(), s.GetId(), s.GetProfile())
	case s.GetType() == mesospb.Resource_DiskInfo_Source_MOUNT && s.GetMount().GetRoot() != "":
		return name + ":" + s.GetMount().GetRoot()
	case s.GetType() == mesospb.Resource_DiskInfo_Source_PATH && s.GetPath().GetRoot() != "":
		return name + ":" + s.GetPath().GetRoot()
	}
	return name
}

func printVolume(v *mesospb.Volume) string {
	s := v.GetContainerPath()
	if v.HostPath == nil {
		return s
	}
	s = v.GetHostPath() + ":" + s
	if v.Mode != nil {
		s += ":" + strings.ToLower(v.GetMode().String())
	}
	return s
}

// describe formats a resource that may be invalid, for an error message.
func describe(p *mesospb.Resource) string {
	value := "?"
	switch {
	case p.GetScalar() != nil:
		value = fmt.Sprintf("%g", p.GetScalar().GetValue())
	case p.GetRanges() != nil:
		var parts []string
		for _, r := range p.GetRanges().GetRange() {
			parts = append(parts, fmt.Sprintf("%d-%d", r.GetBegin(), r.GetEnd()))
		}
		value = "[" + strings.Join(parts, ", ") + "]"
	case p.GetSet() != nil:
		value = "{" + strings.Join(p.GetSet().GetItem(), ", ") + "}"
	}
	name := p.GetName()
	if p.GetAllocationInfo() != nil {
		name += "(allocated: " + p.GetAllocationInfo().GetRole() + ")"
	}
	return string(appendProperties([]byte(name), p.GetReservations(), p.GetDisk(), p.GetRevocable() != nil, p.GetShared() != nil)) + ":" + value
}
