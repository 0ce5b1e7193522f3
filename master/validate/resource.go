package validate

import (
	"errors"
	"fmt"

	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// held says what is wrong with resources that a task or an executor wants to hold: all that can be said of each entry
// alone, and that they are allocated to one role.
func held(rs resources.Resources) error {
	role, any := "", false
	for r := range rs.All() {
		if err := heldResource(r); err != nil {
			return err
		}
		to, ok := r.AllocationRole()
		switch {
		case !ok:
			return errors.New("the resources are not allocated to a role")
		case any && to != role:
			return fmt.Errorf("the resources are allocated to the roles '%s' and '%s', but only one is allowed", role, to)
		}
		role, any = to, true
	}
	return together(rs)
}

func heldResource(r resources.Resource) error {
	if r.Name() == "gpus" && r.Scalar()%resources.Unit != 0 {
		return errors.New("Invalid 'gpus' resource: the amount of gpus must be an integer")
	}
	if r.IsDynamicallyReserved() && r.IsRevocable() {
		return fmt.Errorf("the dynamically reserved resource %s must not be revocable", r)
	}
	if r.Disk() != nil {
		return in("Invalid DiskInfo", disk(r))
	}
	return nil
}

func disk(r resources.Resource) error {
	info := r.Disk()
	if info.GetPersistence() == nil {
		switch {
		case info.GetVolume() != nil:
			return errors.New("a volume that is not persistent is not supported")
		case info.GetSource() == nil:
			return errors.New("DiskInfo is set but empty")
		}
		return nil
	}
	switch {
	case r.IsRevocable():
		return errors.New("a persistent volume cannot be made of revocable resources")
	case !r.IsReserved():
		return errors.New("a persistent volume cannot be made of unreserved resources")
	case info.GetVolume() == nil:
		return errors.New("a persistent volume must have the field volume")
	case info.GetVolume().HostPath != nil:
		return errors.New("a persistent volume must not have a host_path")
	}
	return in("persistence ID", ID(info.GetPersistence().GetId()))
}

// together says what is wrong with resources that are held at the same time.
func together(rs resources.Resources) error {
	if err := uniquePersistence(rs); err != nil {
		return err
	}
	revocable := rs.Revocable()
	if revocable.IsEmpty() {
		return nil
	}
	for r := range rs.NonRevocable().All() {
		if revocable.Quantities().Get(r.Name()) > 0 {
			return fmt.Errorf("revocable and non-revocable '%s' cannot be used at the same time", r.Name())
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
			return fmt.Errorf("the persistence ID '%s' is not unique", r.PersistenceID())
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

// AgentResources says what is wrong with resources that an agent reports.
func AgentResources(ps []*mesospb.Resource) error { return resources.ValidateAll(ps) }
