package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/validate"
)

// held returns an error if resources of a task or an executor are invalid. holder names it in the error.
func held(rs resources.Resources, holder string) error {
	return first(
		func() error { return in(holder+" uses invalid resources", valid(rs)) },
		func() error { return in(holder+" uses duplicate persistence ID", uniquePersistence(rs)) },
		func() error { return in("Invalid "+strings.ToLower(holder)+" resources", oneAllocation(rs)) },
		func() error {
			return in(holder+" mixes revocable and non-revocable resources", eitherRevocableOrNot(rs))
		},
	)
}

// valid returns an error if a bag of resources, each of them valid, is invalid.
//
// Mesos: validation::resource::validate.
func valid(rs resources.Resources) error {
	for r := range rs.All() {
		if err := validResource(r); err != nil {
			return err
		}
	}
	return nil
}

func validResource(r resources.Resource) error {
	switch {
	case r.Name() == "gpus" && r.Scalar()%resources.Unit != 0:
		return errors.New("Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer")
	case r.Disk() != nil && disk(r) != nil:
		return in("Invalid DiskInfo", disk(r))
	case r.IsDynamicallyReserved() && r.IsRevocable():
		return fmt.Errorf("Invalid ReservationInfo: Dynamically reserved resource %s cannot be created from revocable resources", r)
	}
	return nil
}

func disk(r resources.Resource) error {
	info := r.Disk()
	if info.GetPersistence() == nil {
		switch {
		case info.GetVolume() != nil:
			return errors.New("Non-persistent volume not supported")
		case info.GetSource() == nil:
			return errors.New("DiskInfo is set but empty")
		}
		return nil
	}
	switch {
	case r.IsRevocable():
		return errors.New("Persistent volumes cannot be created from revocable resources")
	case !r.IsReserved():
		return errors.New("Persistent volumes cannot be created from unreserved resources")
	case info.GetVolume() == nil:
		return errNoVolume
	case info.GetVolume().HostPath != nil:
		return errors.New("Expecting 'host_path' to be unset for persistent volume")
	}
	return in("Invalid persistence ID for persistent volume", validate.ID(info.GetPersistence().GetId()))
}

var errNoVolume = errors.New("Expecting 'volume' to be set for persistent volume")

// oneAllocation returns an error unless all resources are allocated to one role.
func oneAllocation(rs resources.Resources) error {
	role, any := "", false
	for r := range rs.All() {
		to, ok := r.AllocationRole()
		switch {
		case !ok:
			return errors.New("The resources are not allocated to a role")
		case any && to != role:
			return fmt.Errorf("The resources have multiple allocation roles ('%s' and '%s') but only one allocation role is allowed", to, role)
		}
		role, any = to, true
	}
	return nil
}

// oneProvider returns an error unless all resources are of one resource provider, or of none. ps must not be empty.
//
// Mesos: validation::resource::internal::validateSingleResourceProvider.
func oneProvider(ps []*mesospb.Resource) error {
	var providers []string
	some, none := false, false
	for _, p := range ps {
		if p.ProviderId == nil {
			none = true
		} else if id := p.GetProviderId().GetValue(); !slices.Contains(providers, id) {
			some, providers = true, append(providers, id)
		}
	}
	switch {
	case some && none:
		return errors.New("Some resources have a resource provider and some do not")
	case none || len(providers) == 1:
		return nil
	}
	return fmt.Errorf("The resources have multiple resource providers: %s", strings.Join(providers, ", "))
}

// eitherRevocableOrNot returns an error if resources of the same name are partly revocable.
func eitherRevocableOrNot(rs resources.Resources) error {
	revocable := rs.Revocable()
	if revocable.IsEmpty() {
		return nil
	}
	for r := range rs.NonRevocable().All() {
		if revocable.Quantities().Get(r.Name()) > 0 {
			return fmt.Errorf("Cannot use both revocable and non-revocable '%s' at the same time", r.Name())
		}
	}
	return nil
}

func uniquePersistence(rs resources.Resources) error {
	var seen map[[2]string]bool
	for r := range rs.All() {
		if !r.IsPersistentVolume() {
			continue
		}
		if seen == nil {
			seen = map[[2]string]bool{}
		}
		key := [2]string{r.ReservationRole(), r.PersistenceID()}
		if seen[key] {
			return fmt.Errorf("Persistence ID '%s' is not unique", r.PersistenceID())
		}
		seen[key] = true
	}
	return nil
}

// overlap reports whether ports or other numbers or names occur in several of the bags.
func overlap(bags ...resources.Resources) bool {
	var quantities resources.Quantities
	for _, bag := range bags {
		quantities = quantities.Plus(bag.Quantities())
	}
	return !quantities.Equal(resources.Sum(bags...).Quantities())
}
