package validate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesospb"
	"meseta/messages/schedulerpb"
)

// Roles returns the roles that info subscribes to, whichever field it names them in.
//
// Mesos: protobuf::framework::getRoles.
func Roles(info *mesospb.FrameworkInfo) []string {
	if HasCapability(info, mesospb.FrameworkInfo_Capability_MULTI_ROLE) {
		return info.GetRoles()
	}
	return []string{info.GetRole()}
}

// HasCapability reports whether the framework announced c.
func HasCapability(info *mesospb.FrameworkInfo, c mesospb.FrameworkInfo_Capability_Type) bool {
	return slices.ContainsFunc(info.GetCapabilities(), func(have *mesospb.FrameworkInfo_Capability) bool {
		return have.GetType() == c
	})
}

// Framework says what is wrong with a framework's description, whoever sent it.
func Framework(info *mesospb.FrameworkInfo) error {
	if err := frameworkRoles(info); err != nil {
		return err
	}
	if id := info.GetId().GetValue(); id != "" {
		if err := ID(id); err != nil {
			return in("FrameworkInfo.id", err)
		}
	}
	if err := offerFilters(info.GetOfferFilters()); err != nil {
		return err
	}
	// A duration is kept in 64 bits of nanoseconds.
	if t := info.GetFailoverTimeout(); math.IsNaN(t) || math.Abs(t) > float64(math.MaxInt64)/1e9 {
		return fmt.Errorf("the framework's failover_timeout (%v) is invalid", t)
	}
	return nil
}

func frameworkRoles(info *mesospb.FrameworkInfo) error {
	multi := HasCapability(info, mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	switch {
	case multi && info.Role != nil:
		return errors.New("'FrameworkInfo.role' must not be set by a framework with the capability MULTI_ROLE")
	case !multi && len(info.GetRoles()) > 0:
		return errors.New("'FrameworkInfo.roles' must not be set by a framework without the capability MULTI_ROLE")
	}
	seen := map[string]bool{}
	for _, r := range Roles(info) {
		if seen[r] {
			return fmt.Errorf("'FrameworkInfo.roles' contains the role '%s' twice", r)
		}
		seen[r] = true
		if err := Role(r); err != nil {
			return fmt.Errorf("the framework has an invalid role '%s': %w", r, err)
		}
	}
	return nil
}

func offerFilters(filters map[string]*mesospb.OfferFilters) error {
	for _, f := range filters {
		for _, q := range f.GetMinAllocatableResources().GetQuantities() {
			if len(q.GetQuantities()) == 0 {
				return errors.New("the quantities of an offer filter must not be empty")
			}
			for name, scalar := range q.GetQuantities() {
				if err := InputScalar(scalar.GetValue()); err != nil {
					return fmt.Errorf("offer filter for '%s': %w", name, err)
				}
			}
		}
	}
	return nil
}

// smallestNormal is the smallest double that is not subnormal.
const smallestNormal = 0x1p-1022

// InputScalar says what is wrong with an amount that a user wrote.
func InputScalar(v float64) error {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return errors.New("the amount is not a finite number")
	case v < 0:
		return errors.New("the amount is negative")
	case v > 0 && v < smallestNormal:
		return errors.New("the amount is subnormal")
	}
	return nil
}

// Whitelist says which of the roles of info are not in whitelist, the value of --roles; nil allows all.
func Whitelist(info *mesospb.FrameworkInfo, whitelist map[string]bool) error {
	if whitelist == nil {
		return nil
	}
	var refused []string
	for _, r := range Roles(info) {
		if !whitelist[r] {
			refused = append(refused, r)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return fmt.Errorf("Roles { %s } are not present in the master's --roles", strings.Join(refused, ", "))
}

// FrameworkUpdate says why a framework may not change from what it was to what it wants to be.
func FrameworkUpdate(was, wants *mesospb.FrameworkInfo) error {
	switch {
	case (was.Principal == nil) != (wants.Principal == nil) || was.GetPrincipal() != wants.GetPrincipal():
		return errors.New("Changing framework's principal is not allowed.")
	case was.GetUser() != wants.GetUser():
		return fmt.Errorf("a framework cannot change its user, from '%s' to '%s'", was.GetUser(), wants.GetUser())
	case was.GetCheckpoint() != wants.GetCheckpoint():
		return fmt.Errorf("a framework cannot change checkpoint, from '%t' to '%t'", was.GetCheckpoint(), wants.GetCheckpoint())
	}
	return nil
}

// PreserveImmutable returns wants with those fields of was that a subscription cannot change and that are not worth
// refusing it for.
//
// Mesos: validation::framework::preserveImmutableFields.
func PreserveImmutable(was, wants *mesospb.FrameworkInfo) *mesospb.FrameworkInfo {
	if was.GetUser() == wants.GetUser() && was.GetCheckpoint() == wants.GetCheckpoint() {
		return wants
	}
	kept := proto.CloneOf(wants)
	kept.User = proto.String(was.GetUser())
	kept.Checkpoint = proto.Bool(was.GetCheckpoint())
	return kept
}

// SuppressedRoles says which roles a framework suppresses without having them.
func SuppressedRoles(info *mesospb.FrameworkInfo, suppressed []string) error {
	roles := Roles(info)
	for _, s := range suppressed {
		if !slices.Contains(roles, s) {
			return fmt.Errorf("the suppressed role '%s' is not one of the framework's roles", s)
		}
	}
	return nil
}

// OfferConstraintsRoles says which roles are constrained without being the framework's.
func OfferConstraintsRoles(info *mesospb.FrameworkInfo, constraints *schedulerpb.OfferConstraints) error {
	roles := Roles(info)
	for r := range constraints.GetRoleConstraints() {
		if !slices.Contains(roles, r) {
			return fmt.Errorf("the offer constraints name the role '%s', which is not one of the framework's roles", r)
		}
	}
	return nil
}
