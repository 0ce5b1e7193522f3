package recovery

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/attributes"
	"meseta/messages/equal"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/values"
)

// Policy says how an agent may differ from the one whose ID it takes over (--reconfiguration_policy).
type Policy string

// The policies.
const (
	Equal    Policy = "equal"    // not at all
	Additive Policy = "additive" // it may have more resources, attributes that are new, and a domain if there was none
)

// ParsePolicy returns the policy with that name.
func ParsePolicy(text string) (Policy, error) {
	switch p := Policy(text); p {
	case Equal, Additive:
		return p, nil
	}
	return "", fmt.Errorf("Unknown option for 'reconfiguration_policy' flag %s; use %s or %s", text, Equal, Additive)
}

// Compatible returns an error in Mesos's words if an agent with the info now may not take over the ID of an agent with
// the info earlier.
//
// Mesos: Slave::compatible, compatibility.cpp.
func (p Policy) Compatible(earlier, now *mesospb.SlaveInfo) error {
	if p == Additive {
		return additive(earlier, now)
	}
	if same(earlier, now) {
		return nil
	}
	const line = "\n\n------------------------------------------------------------\n"
	return fmt.Errorf("Incompatible agent info detected. %sOld agent info:\n%s%sNew agent info:\n%s%s",
		line, text(upgraded(earlier)), line, text(upgraded(now)), line[:len(line)-1])
}

// upgraded returns an agent with its resources in the form of today; on disk they have that of old masters.
//
// Mesos: upgradeResources.
func upgraded(info *mesospb.SlaveInfo) *mesospb.SlaveInfo {
	info = proto.CloneOf(info)
	info.Resources = resources.FromValid(info.GetResources()).Proto()
	return info
}

// same reports whether two agents are the same, as Mesos compares them.
//
// Mesos: operator==(SlaveInfo, SlaveInfo).
func same(a, b *mesospb.SlaveInfo) bool {
	return a.GetHostname() == b.GetHostname() && a.GetPort() == b.GetPort() && a.GetCheckpoint() == b.GetCheckpoint() &&
		a.GetId().GetValue() == b.GetId().GetValue() && equal.Domain(a.GetDomain(), b.GetDomain()) &&
		equal.Attributes(a.GetAttributes(), b.GetAttributes()) &&
		resources.FromValid(a.GetResources()).Equal(resources.FromValid(b.GetResources()))
}

// additive is Compatible of [Additive]. Mesos quotes the name of the policy in two ways.
func additive(earlier, now *mesospb.SlaveInfo) error {
	refused := func(format string, args ...any) error {
		return fmt.Errorf("Configuration change not permitted under `additive` policy: "+format, args...)
	}
	switch {
	case earlier.GetHostname() != now.GetHostname():
		return refused("Hostname changed from %s to %s", earlier.GetHostname(), now.GetHostname())
	case earlier.GetPort() != now.GetPort():
		return refused("Port changed from %d to %d", earlier.GetPort(), now.GetPort())
	case earlier.Domain != nil && !equal.Domain(earlier.GetDomain(), now.GetDomain()):
		return refused("Domain changed from %s to %s", text(earlier.GetDomain()), text(now.GetDomain()))
	}
	has := resources.FromValid(now.GetResources())
	for r := range resources.FromValid(earlier.GetResources()).All() {
		if err := kept(r, has); err != nil {
			return err
		}
	}
	for _, a := range earlier.GetAttributes() {
		if err := keptAttribute(a, now.GetAttributes()); err != nil {
			return err
		}
	}
	return nil
}

func notAdditive(format string, args ...any) error {
	return fmt.Errorf("Configuration change not permitted under 'additive' policy: "+format, args...)
}

// kept returns an error unless a resource is among others, with at least its value.
func kept(r resources.Resource, others resources.Resources) error {
	for other := range others.All() {
		if !alike(r, other) {
			continue
		}
		switch {
		case resources.Of(other).Contains(resources.Of(r)):
			return nil
		case r.Type() == resources.RangesType:
			return notAdditive("Previous value of range resource '%s' (%s) not included in current %s", r.Name(), r.Ranges(), other.Ranges())
		case r.Type() == resources.SetType:
			return notAdditive("Previous value of set resource '%s' (%s) not included in current %s", r.Name(), r.Set(), other.Set())
		}
		return notAdditive("Value of scalar resource '%s' decreased from %s to %s", r.Name(), r.Scalar(), other.Scalar())
	}
	return fmt.Errorf("Configuration change not permitted under 'additive' policy. Resource not found: %s", r)
}

// alike reports whether two resources differ at most in their values.
//
// Mesos: Resources::match.
func alike(a, b resources.Resource) bool {
	x, y := a.Proto(), b.Proto()
	for _, p := range []*mesospb.Resource{x, y} {
		p.Scalar, p.Ranges, p.Set = nil, nil, nil
	}
	return proto.Equal(x, y)
}

// keptAttribute returns an error unless the first attribute with the name of a, among others, has its value.
func keptAttribute(a *mesospb.Attribute, others []*mesospb.Attribute) error {
	for _, b := range others {
		was, is := attributes.Value(a), attributes.Value(b)
		switch {
		case a.GetName() != b.GetName():
			continue
		case a.GetType() != b.GetType():
			return notAdditive("Type of attribute '%s' changed from %s to %s", a.GetName(), a.GetType(), b.GetType())
		case equal.Attributes([]*mesospb.Attribute{a}, []*mesospb.Attribute{b}):
			return nil
		case a.GetType() == mesospb.Value_SCALAR:
			return notAdditive("Value of scalar attribute '%s' changed from %s to %s", a.GetName(), was, is)
		case a.GetType() == mesospb.Value_TEXT:
			return notAdditive("Value of text attribute '%s' changed from %s to %s", a.GetName(), was, is)
		case includes(b.GetRanges(), a.GetRanges()):
			return nil
		}
		return fmt.Errorf("Previous value of ranges resource '%s' (%s) not included in current %s", a.GetName(), was, is)
	}
	return notAdditive("Couldn't find attribute %s=%s", a.GetName(), attributes.Value(a))
}

// includes reports whether ranges include others.
func includes(ranges, others *mesospb.Value_Ranges) bool {
	all := values.RangesOf(ranges)
	for _, r := range values.RangesOf(others) {
		found := false
		for _, outer := range all {
			found = found || outer.Begin <= r.Begin && r.End <= outer.End
		}
		if !found {
			return false
		}
	}
	return true
}
