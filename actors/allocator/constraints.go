package allocator

import (
	"regexp"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// Wishes are what a framework says about its offers, beside its description.
type Wishes struct {
	Suppressed  []string                      // roles in which it does not want any for now
	Constraints *schedulerpb.OfferConstraints // of the agents, by role; valid, or nil
}

// constraints are what a framework wants of agents in a role: all that one of the groups says.
//
// Mesos: OfferConstraintsFilter.
type constraints []group

type group []constraint

// constraint looks at one property of an agent.
type constraint struct {
	selector  *schedulerpb.AttributeConstraint_Selector
	predicate *schedulerpb.AttributeConstraint_Predicate
	pattern   *regexp.Regexp // of a predicate that matches
}

// constraintsOf reads the wishes of a framework, which were validated when it made them.
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

// patternOf returns what a text is compared with. The longest match tells whether the whole text is one.
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

// permit reports whether an agent is what is wanted.
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

// property is what there is to look at on an agent: nothing, a text, or something that is no text.
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

// holds reports whether p is as wanted. What is said of texts holds for whatever is no text.
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
