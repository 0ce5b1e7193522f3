// Package equal compares messages as Mesos does to decide whether a peer still means the same thing: the executor that
// a task names again, an agent that comes back, the attributes of an agent.
//
// Three kinds of difference do not count: the order of unordered lists (variables, URIs, volumes, ports, labels,
// attributes), whether a field is unset or set to its default, and fields that Mesos does not compare. Of an executor,
// for example, it does not compare the labels, the shutdown grace period and whether URIs are cached. A nil message
// equals an empty one.
//
// Differs: Mesos compares two lists by looking for each item of one in the other, so that the answer can depend on the
// order of the arguments. Here an item counts as often as it occurs, and the time grows with the lists, not with their
// product.
//
// Mesos: src/common/type_utils.cpp.
package equal

import (
	"bytes"
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Executor reports whether a and b are the same executor.
func Executor(a, b *mesospb.ExecutorInfo) bool {
	return a == b || ExecutorButResources(a, b) && bag(a.GetResources()).Equal(bag(b.GetResources()))
}

// ExecutorButResources is like [Executor] but ignores resources, for callers that compare them on their own.
func ExecutorButResources(a, b *mesospb.ExecutorInfo) bool {
	return a.GetType() == b.GetType() && hasType(a) == hasType(b) &&
		a.GetExecutorId().GetValue() == b.GetExecutorId().GetValue() &&
		a.GetFrameworkId().GetValue() == b.GetFrameworkId().GetValue() &&
		a.GetName() == b.GetName() && a.GetSource() == b.GetSource() &&
		bytes.Equal(a.GetData(), b.GetData()) &&
		Command(a.GetCommand(), b.GetCommand()) &&
		Container(a.GetContainer(), b.GetContainer()) &&
		Discovery(a.GetDiscovery(), b.GetDiscovery())
}

func hasType(e *mesospb.ExecutorInfo) bool { return e != nil && e.Type != nil }

func bag(rs []*mesospb.Resource) resources.Resources { return resources.FromValid(rs) }

// Agent reports whether a and b describe the same agent with the same resources and attributes. Its capabilities do not
// count.
func Agent(a, b *mesospb.SlaveInfo) bool {
	return a == b || a.GetHostname() == b.GetHostname() && a.GetPort() == b.GetPort() &&
		a.GetId().GetValue() == b.GetId().GetValue() && a.GetCheckpoint() == b.GetCheckpoint() &&
		Domain(a.GetDomain(), b.GetDomain()) &&
		Attributes(a.GetAttributes(), b.GetAttributes()) &&
		sameResources(a.GetResources(), b.GetResources())
}

func sameResources(a, b []*mesospb.Resource) bool {
	return slices.EqualFunc(a, b, alike) || bag(a).Equal(bag(b))
}

// alike reports whether two resources are equal, as far as that is easily seen: if they have nothing special.
func alike(a, b *mesospb.Resource) bool {
	return a == b || isSimple(a) && isSimple(b) && a.GetName() == b.GetName() && a.GetType() == b.GetType() && a.GetRole() == b.GetRole() &&
		(a.Scalar == nil) == (b.Scalar == nil) && a.GetScalar().GetValue() == b.GetScalar().GetValue() &&
		(a.Ranges == nil) == (b.Ranges == nil) && slices.EqualFunc(a.GetRanges().GetRange(), b.GetRanges().GetRange(), func(x, y *mesospb.Value_Range) bool {
		return x.GetBegin() == y.GetBegin() && x.GetEnd() == y.GetEnd()
	})
}

func isSimple(r *mesospb.Resource) bool {
	return r.Set == nil && r.AllocationInfo == nil && r.Reservation == nil && len(r.Reservations) == 0 && r.Disk == nil &&
		r.Revocable == nil && r.Shared == nil && r.ProviderId == nil
}

// Domain reports whether a and b name the same zone of the same region.
func Domain(a, b *mesospb.DomainInfo) bool {
	x, y := a.GetFaultDomain(), b.GetFaultDomain()
	return x.GetRegion().GetName() == y.GetRegion().GetName() && x.GetZone().GetName() == y.GetZone().GetName()
}

// Master reports whether a and b are the same leading master.
func Master(a, b *mesospb.MasterInfo) bool {
	return a == b || a.GetId() == b.GetId() && a.GetIp() == b.GetIp() && a.GetPort() == b.GetPort() &&
		a.GetPid() == b.GetPid() && a.GetHostname() == b.GetHostname() && a.GetVersion() == b.GetVersion() &&
		Domain(a.GetDomain(), b.GetDomain())
}

// Framework reports whether a and b describe a framework alike in every field. Roles and capabilities are unordered.
//
// Mesos: typeutils::equivalent.
func Framework(a, b *mesospb.FrameworkInfo) bool {
	return a == b || proto.Equal(ordered(a), ordered(b))
}

func ordered(info *mesospb.FrameworkInfo) *mesospb.FrameworkInfo {
	info = proto.CloneOf(info)
	slices.Sort(info.GetRoles())
	slices.SortFunc(info.GetCapabilities(), func(a, b *mesospb.FrameworkInfo_Capability) int {
		return cmp.Compare(a.GetType(), b.GetType())
	})
	return info
}

// same reports whether a and b have the same items in any order. Two items are the same if they have the same key.
func same[T any, K comparable](a, b []T, key func(T) K) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && key(a[i]) == key(b[i]) {
		i++
	}
	if i == len(a) {
		return true
	}
	left := make(map[K]int, len(a)-i)
	for _, item := range a[i:] {
		left[key(item)]++
	}
	for _, item := range b[i:] {
		k := key(item)
		if left[k] == 0 {
			return false
		}
		left[k]--
	}
	return true
}
