package validate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/roles"
	"meseta/messages/validate"
)

// Framework returns an error if a FrameworkInfo is invalid, whoever sent it.
func Framework(info *mesospb.FrameworkInfo) error {
	if err := frameworkRoles(info); err != nil {
		return err
	}
	if id := info.GetId().GetValue(); id != "" {
		if err := validate.ID(id); err != nil {
			return err
		}
	}
	if err := offerFilters(info.GetOfferFilters()); err != nil {
		return err
	}
	// A duration is an int64 of nanoseconds.
	if t := info.GetFailoverTimeout(); math.IsNaN(t) || math.Abs(t) > float64(math.MaxInt64)/1e9 {
		return fmt.Errorf("The framework failover_timeout (%v) is invalid", t)
	}
	return nil
}

func frameworkRoles(info *mesospb.FrameworkInfo) error {
	multi := capabilities.OfFramework(info).MultiRole
	switch {
	case multi && info.Role != nil:
		return errors.New("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable")
	case !multi && len(info.GetRoles()) > 0:
		return errors.New("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable")
	}
	if !multi {
		return in("'FrameworkInfo.role' is not a valid role", roles.Validate(info.GetRole()))
	}
	if twice := duplicates(info.GetRoles()); len(twice) > 0 {
		return fmt.Errorf("'FrameworkInfo.roles' contains duplicate items: %s", set(twice))
	}
	for _, r := range info.GetRoles() {
		if err := roles.Validate(r); err != nil {
			return in("'FrameworkInfo.roles' contains invalid role", err)
		}
	}
	return nil
}

func duplicates(names []string) []string {
	var twice []string
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			twice = append(twice, name)
		}
		seen[name] = true
	}
	return twice
}

// set formats names as Mesos formats a set.
func set(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return "{ " + strings.Join(names, ", ") + " }"
}

func offerFilters(filters map[string]*mesospb.OfferFilters) error {
	for _, role := range slices.Sorted(maps.Keys(filters)) {
		for _, q := range filters[role].GetMinAllocatableResources().GetQuantities() {
			if len(q.GetQuantities()) == 0 {
				return errors.New("Resource quantities must contain at least one quantity")
			}
			for _, name := range slices.Sorted(maps.Keys(q.GetQuantities())) {
				if err := inputScalar(q.GetQuantities()[name].GetValue()); err != nil {
					return fmt.Errorf("Invalid resource quantity for '%s': %w", name, err)
				}
			}
		}
	}
	return nil
}

// smallestNormal is the smallest normal double.
const smallestNormal = 0x1p-1022

// inputScalar returns an error if an amount that a user wrote is invalid.
func inputScalar(v float64) error {
	switch {
	case math.IsInf(v, 0):
		return errors.New("Infinite values not supported")
	case math.IsNaN(v):
		return errors.New("NaN not supported")
	case v != 0 && math.Abs(v) < smallestNormal:
		return errors.New("Subnormal values not supported")
	case v < 0:
		return errors.New("Negative values not supported")
	}
	return nil
}

// Whitelist returns an error that names the roles of info for which allows returns false.
func Whitelist(info *mesospb.FrameworkInfo, allows func(role string) bool) error {
	var refused []string
	for _, r := range roles.Of(info) {
		if !allows(r) {
			refused = append(refused, r)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return fmt.Errorf("Roles %s are not present in the master's --roles", set(refused))
}

// FrameworkUpdate returns an error if a framework must not change from was to wants.
func FrameworkUpdate(was, wants *mesospb.FrameworkInfo) error {
	switch {
	case (was.Principal == nil) != (wants.Principal == nil) || was.GetPrincipal() != wants.GetPrincipal():
		return errors.New("Changing framework's principal is not allowed.")
	case was.GetUser() != wants.GetUser():
		return fmt.Errorf("Updating 'FrameworkInfo.user' is unsupported; attempted to update from '%s' to '%s'", was.GetUser(), wants.GetUser())
	case was.GetCheckpoint() != wants.GetCheckpoint():
		return fmt.Errorf("Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '%t' to '%t'", was.GetCheckpoint(), wants.GetCheckpoint())
	}
	return nil
}

// PreserveImmutable returns wants with the fields of was that a subscription cannot change but for which it is not
// refused.
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

// SuppressedRoles returns an error if a framework suppresses roles that it does not have.
func SuppressedRoles(info *mesospb.FrameworkInfo, suppressed []string) error {
	roles := roles.Of(info)
	foreign := slices.DeleteFunc(slices.Clone(suppressed), func(role string) bool { return slices.Contains(roles, role) })
	if len(foreign) > 0 {
		return fmt.Errorf("Suppressed roles %s are not contained in the set of roles", set(foreign))
	}
	return nil
}

// offerConstraintsRoles returns an error if a framework constrains offers to roles that it does not have.
func offerConstraintsRoles(info *mesospb.FrameworkInfo, constraints *schedulerpb.OfferConstraints) error {
	roles := roles.Of(info)
	for _, r := range slices.Sorted(maps.Keys(constraints.GetRoleConstraints())) {
		if !slices.Contains(roles, r) {
			return fmt.Errorf("Offer constraints specify `role_constraints` for a role '%s' not contained in the set of roles", r)
		}
	}
	return nil
}
