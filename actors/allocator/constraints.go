package allocator

import (
	"regexp"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// Wishes are a framework's preferences about offers that are not part of its FrameworkInfo.
type Wishes struct {
	Suppressed  []string                      // roles in which it wants no offers for now
	Constraints *schedulerpb.OfferConstraints // offer constraints by role; must be valid; may be nil
}

// constraints are a framework's offer constraints for one role. An agent satisfies them if it satisfies every
// constraint of at least one group, or if there are no groups.
//
// Mesos: OfferConstraintsFilter.
type constraints []group

type group []constraint

// constraint tests one property of an agent.
type constraint struct {
	selector  *schedulerpb.AttributeConstraint_Selector
	predicate *schedulerpb.AttributeConstraint_Predicate
	pattern   *regexp.Regexp // compiled; for TextMatches and TextNotMatches only
}

// constraintsOf converts a framework's offer constraints, which were validated when the framework subscribed.
func constraintsOf(wishes *schedulerpb.OfferConstraints) map[string]constraints {
	if len(wishes.GetRoleConstraints()) == 0 {
		return nil
	}
	out := map[string]constraints{}
	for role, wish := range wishes.GetRoleConstraints() {
		for _, g := range wish.GetGroups() {
			var all group
			for _, c := range g.GetAttributeConstraints() {
				all = append(all, constraint{c.GetSelector(), c.GetPredicate(), patternOf(c.GetPredicate())})
			}
			out[role] = append(out[role], all)
		}
	}
	return out
}

// patternOf returns the compiled pattern of a predicate that matches text, or nil. It prefers the longest match, which
// shows whether the whole text matches.
func patternOf(p *schedulerpb.AttributeConstraint_Predicate) *regexp.Regexp {
	var pattern *regexp.Regexp
	switch p := p.GetPredicate().(type) {
	case *schedulerpb.AttributeConstraint_Predicate_TextMatches_:
		pattern = regexp.MustCompile(p.TextMatches.GetRegex())
	case *schedulerpb.AttributeConstraint_Predicate_TextNotMatches_:
		pattern = regexp.MustCompile(p.TextNotMatches.GetRegex())
	default:
		return nil
	}
	pattern.Longest()
	return pattern
}

func (c constraint) matches(text string) bool {
	at := c.pattern.FindStringIndex(text)
	return at != nil && at[0] == 0 && at[1] == len(text)
}

// permit reports whether an agent satisfies the constraints.
func (cs constraints) permit(agent *mesospb.SlaveInfo) bool {
	if len(cs) == 0 {
		return true
	}
	for _, g := range cs {
		if g.permits(agent) {
			return true
		}
	}
	return false
}

func (g group) permits(agent *mesospb.SlaveInfo) bool {
	for _, c := range g {
		if !c.holds(c.property(agent)) {
			return false
		}
	}
	return true
}

// property is the value that a constraint selects from an agent: nothing, a text, or a value that is not text.
type property struct {
	exists, isText bool
	text           string
}

func (c constraint) property(agent *mesospb.SlaveInfo) property {
	domain := agent.GetDomain().GetFaultDomain()
	switch s := c.selector.GetSelector().(type) {
	case *schedulerpb.AttributeConstraint_Selector_AttributeName:
		for _, a := range agent.GetAttributes() {
			if a.GetName() == s.AttributeName {
				return property{true, a.GetType() == mesospb.Value_TEXT, a.GetText().GetValue()}
			}
		}
	case *schedulerpb.AttributeConstraint_Selector_PseudoattributeType_:
		switch s.PseudoattributeType {
		case schedulerpb.AttributeConstraint_Selector_HOSTNAME:
			return property{true, true, agent.GetHostname()}
		case schedulerpb.AttributeConstraint_Selector_REGION:
			return property{domain != nil, true, domain.GetRegion().GetName()}
		case schedulerpb.AttributeConstraint_Selector_ZONE:
			return property{domain != nil, true, domain.GetZone().GetName()}
		}
	}
	return property{}
}

// holds reports whether p satisfies the constraint. Predicates about text hold for every value that is not text.
func (c constraint) holds(p property) bool {
	switch want := c.predicate.GetPredicate().(type) {
	case *schedulerpb.AttributeConstraint_Predicate_Exists_:
		return p.exists
	case *schedulerpb.AttributeConstraint_Predicate_NotExists_:
		return !p.exists
	case *schedulerpb.AttributeConstraint_Predicate_TextEquals_:
		return p.exists && (!p.isText || p.text == want.TextEquals.GetValue())
	case *schedulerpb.AttributeConstraint_Predicate_TextNotEquals_:
		return !p.exists || !p.isText || p.text != want.TextNotEquals.GetValue()
	case *schedulerpb.AttributeConstraint_Predicate_TextMatches_:
		return p.exists && (!p.isText || c.matches(p.text))
	case *schedulerpb.AttributeConstraint_Predicate_TextNotMatches_:
		return !p.exists || !p.isText || !c.matches(p.text)
	}
	return true
}
