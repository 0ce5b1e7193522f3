package validate

import (
	"errors"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// OfferConstraints returns an error if a framework's offer constraints are invalid.
//
// Mesos: OfferConstraintsFilter::create.
func OfferConstraints(info *mesospb.FrameworkInfo, constraints *schedulerpb.OfferConstraints) error {
	if err := offerConstraintsRoles(info, constraints); err != nil {
		return err
	}
	for _, role := range slices.Sorted(maps.Keys(constraints.GetRoleConstraints())) {
		if err := roleConstraints(role, constraints.GetRoleConstraints()[role]); err != nil {
			return in("Offer constraints are not valid", err)
		}
	}
	return nil
}

func roleConstraints(role string, c *schedulerpb.OfferConstraints_RoleConstraints) error {
	if len(c.GetGroups()) == 0 {
		return fmt.Errorf("'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role %s", role)
	}
	for _, group := range c.GetGroups() {
		if len(group.GetAttributeConstraints()) == 0 {
			return fmt.Errorf("'OfferConstraints::RoleConstraints::groups' for role %s contains an empty RoleConstraints::Group", role)
		}
		for _, a := range group.GetAttributeConstraints() {
			if err := attributeConstraint(a); err != nil {
				return fmt.Errorf("A role %s has an invalid 'AttributeConstraint': %w", role, err)
			}
		}
	}
	return nil
}

func attributeConstraint(c *schedulerpb.AttributeConstraint) error {
	switch s := c.GetSelector().GetSelector().(type) {
	case *schedulerpb.AttributeConstraint_Selector_AttributeName:
	case *schedulerpb.AttributeConstraint_Selector_PseudoattributeType_:
		if s.PseudoattributeType == schedulerpb.AttributeConstraint_Selector_UNKNOWN {
			return errors.New("Unknown pseudoattribute type")
		}
	default:
		return errors.New("Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set")
	}
	switch p := c.GetPredicate().GetPredicate().(type) {
	case nil:
		return errors.New("Unknown predicate type")
	case *schedulerpb.AttributeConstraint_Predicate_TextMatches_:
		return pattern(p.TextMatches.GetRegex())
	case *schedulerpb.AttributeConstraint_Predicate_TextNotMatches_:
		return pattern(p.TextNotMatches.GetRegex())
	}
	return nil
}

// maxProgram bounds the complexity of a pattern, as a number of instructions. Mesos counts those of RE2, which differ a
// little.
//
// Mesos: DEFAULT_OFFER_CONSTRAINTS_RE2_MAX_PROGRAM_SIZE.
const maxProgram = 100

func pattern(text string) error {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return fmt.Errorf("Failed to construct regex from pattern '%s': %w", text, err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return fmt.Errorf("Failed to construct regex from pattern '%s': %w", text, err)
	}
	if size := len(program.Inst); size > maxProgram {
		return fmt.Errorf("Regex '%s' is too complex: program size of %d is larger than maximum of %d allowed", text, size, maxProgram)
	}
	return nil
}
