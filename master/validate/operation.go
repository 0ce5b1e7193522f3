package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"meseta/master/book"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// OperationResources says what is wrong with the resources that an operation names, before anything else is looked at.
//
// Mesos: validateAndUpgradeResources.
func OperationResources(op *mesospb.Offer_Operation) error {
	if len(op.GetReserve().GetSource()) > 0 {
		return errors.New("Reservation updates are not yet implemented for the scheduler API.")
	}
	_, err := resources.FromProto(operationResources(op))
	return err
}

func operationResources(op *mesospb.Offer_Operation) []*mesospb.Resource {
	switch op.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		return op.GetReserve().GetResources()
	case mesospb.Offer_Operation_UNRESERVE:
		return op.GetUnreserve().GetResources()
	case mesospb.Offer_Operation_CREATE:
		return op.GetCreate().GetVolumes()
	case mesospb.Offer_Operation_DESTROY:
		return op.GetDestroy().GetVolumes()
	case mesospb.Offer_Operation_GROW_VOLUME:
		return []*mesospb.Resource{op.GetGrowVolume().GetVolume(), op.GetGrowVolume().GetAddition()}
	case mesospb.Offer_Operation_SHRINK_VOLUME:
		return []*mesospb.Resource{op.GetShrinkVolume().GetVolume()}
	case mesospb.Offer_Operation_CREATE_DISK:
		return []*mesospb.Resource{op.GetCreateDisk().GetSource()}
	case mesospb.Offer_Operation_DESTROY_DISK:
		return []*mesospb.Resource{op.GetDestroyDisk().GetSource()}
	}
	return nil
}

// Operation says why f cannot do op, whose resources are valid, on a with what it was offered in role.
//
// Mesos: validation::operation::validate.
func Operation(op *mesospb.Offer_Operation, f *book.Framework, a *book.Agent, role string) error {
	rs, err := allocated(operationResources(op), role)
	if err != nil {
		return err
	}
	if err := oneProvider(rs); err != nil {
		return in("Invalid resources", err)
	}
	if err := together(rs); err != nil {
		return in("Invalid resources", err)
	}
	switch op.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		return reservation(rs, f, a)
	case mesospb.Offer_Operation_UNRESERVE:
		return unreservation(rs)
	case mesospb.Offer_Operation_CREATE:
		return creation(rs, f, a)
	case mesospb.Offer_Operation_DESTROY:
		return destruction(rs, a)
	case mesospb.Offer_Operation_GROW_VOLUME:
		return growth(op.GetGrowVolume(), a)
	case mesospb.Offer_Operation_SHRINK_VOLUME:
		return shrinking(op.GetShrinkVolume(), a)
	case mesospb.Offer_Operation_CREATE_DISK:
		return diskCreation(op.GetCreateDisk())
	case mesospb.Offer_Operation_DESTROY_DISK:
		return diskDestruction(op.GetDestroyDisk())
	}
	return errors.New("Unknown operation")
}

func oneProvider(rs resources.Resources) error {
	first, seen := "", false
	for r := range rs.All() {
		id, _ := r.Provider()
		if seen && string(id) != first {
			return errors.New("some resources have a resource provider and some do not, or another one")
		}
		first, seen = string(id), true
	}
	return nil
}

func reservation(rs resources.Resources, f *book.Framework, a *book.Agent) error {
	for r := range rs.All() {
		role, reserved := r.ReservationRole(), r.Reservations()
		allocation, _ := r.AllocationRole()
		switch {
		case !r.IsDynamicallyReserved():
			return fmt.Errorf("Resource %s is not dynamically reserved", r)
		case !a.Capabilities.HierarchicalRole && strings.Contains(role, "/"):
			return fmt.Errorf("Resource %s with reservation for hierarchical role '%s' cannot be reserved on an agent without HIERARCHICAL_ROLE capability", r, role)
		case !a.Capabilities.ReservationRefinement && r.HasRefinedReservation():
			return fmt.Errorf("Resource %s with reservation refinement cannot be reserved on an agent without RESERVATION_REFINEMENT capability", r)
		case f.Info.Principal != nil && reserved[len(reserved)-1].GetPrincipal() != f.Info.GetPrincipal():
			return fmt.Errorf("the reservation of %s is not by the principal '%s'", r, f.Info.GetPrincipal())
		case allocation != role:
			return fmt.Errorf("A reserve operation was attempted for a resource with role '%s', but the resource was allocated to role '%s'", role, allocation)
		case !f.HasRole(role):
			return fmt.Errorf("A reserve operation was attempted for a resource with role '%s', but the framework can only reserve resources with roles '%s'", role, f.Roles)
		}
	}
	return nil
}

func unreservation(rs resources.Resources) error {
	for r := range rs.All() {
		switch {
		case !r.IsDynamicallyReserved():
			return fmt.Errorf("Resource %s is not dynamically reserved", r)
		case r.IsPersistentVolume():
			return fmt.Errorf("A dynamically reserved persistent volume %s cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource", r)
		}
	}
	return nil
}

// persistentVolumes checks that all of rs are volumes to write to.
func persistentVolumes(rs resources.Resources) error {
	for r := range rs.All() {
		switch {
		case r.Disk() == nil:
			return fmt.Errorf("Resource %s does not have DiskInfo", r)
		case !r.IsPersistentVolume():
			return fmt.Errorf("'persistence' is not set in DiskInfo of %s", r)
		case r.Disk().GetVolume() == nil:
			return errors.New("Expecting 'volume' to be set for persistent volume")
		case r.Disk().GetVolume().GetMode() == mesospb.Volume_RO:
			return errors.New("Read-only persistent volume not supported")
		}
		if err := disk(r); err != nil {
			return err
		}
	}
	return nil
}

func creation(rs resources.Resources, f *book.Framework, a *book.Agent) error {
	if err := persistentVolumes(rs); err != nil {
		return in("Not a persistent volume", err)
	}
	if err := uniquePersistence(rs.Unallocate().Plus(resources.FromValid(a.Checkpointed))); err != nil {
		return err
	}
	for r := range rs.All() {
		role := r.ReservationRole()
		switch {
		case r.IsShared() && !HasCapability(f.Info, mesospb.FrameworkInfo_Capability_SHARED_RESOURCES):
			return fmt.Errorf("Create volume operation for '%s' has been attempted by framework '%s' with no SHARED_RESOURCES capability", r, f.ID)
		case !a.Capabilities.HierarchicalRole && strings.Contains(role, "/"):
			return fmt.Errorf("Volume %s with reservation for hierarchical role '%s' cannot be created on an agent without HIERARCHICAL_ROLE capability", r, role)
		case !a.Capabilities.ReservationRefinement && r.HasRefinedReservation():
			return fmt.Errorf("Volume %s with reservation refinement cannot be created on an agent without RESERVATION_REFINEMENT capability", r)
		case f.Info.Principal != nil && r.Disk().GetPersistence().GetPrincipal() != f.Info.GetPrincipal():
			return fmt.Errorf("the volume %s is not of the principal '%s'", r, f.Info.GetPrincipal())
		}
	}
	return nil
}

func destruction(rs resources.Resources, a *book.Agent) error {
	volumes := rs.Unallocate()
	if err := persistentVolumes(volumes); err != nil {
		return in("Not a persistent volume", err)
	}
	own := volumes.Filter(func(r resources.Resource) bool { _, provided := r.Provider(); return !provided })
	if !resources.FromValid(a.Checkpointed).Contains(own) {
		return errors.New("Persistent volumes not found")
	}
	for r := range volumes.All() {
		if a.Used().Unallocate().Contains(resources.Of(r)) {
			return errors.New("Persistent volumes in use")
		}
	}
	return nil
}

func growth(op *mesospb.Offer_Operation_GrowVolume, a *book.Agent) error {
	if op.GetVolume().ProviderId != nil {
		return errors.New("Growing a volume from a resource provider is not supported")
	}
	if err := persistentVolumes(resources.FromValid([]*mesospb.Resource{op.Volume})); err != nil {
		return in("Invalid persistent volume in the 'GrowVolume.volume' field", err)
	}
	switch {
	case op.GetVolume().Shared != nil:
		return errors.New("Growing a shared persistent volume is not supported")
	case !a.Capabilities.ResizeVolume:
		return errors.New("Volumes cannot be grown on an agent without RESIZE_VOLUME capability")
	}
	return nil
}

func shrinking(op *mesospb.Offer_Operation_ShrinkVolume, a *book.Agent) error {
	subtract, size := op.GetSubtract().GetValue(), op.GetVolume().GetScalar().GetValue()
	switch {
	case !(subtract > 0):
		return errors.New("Value of 'ShrinkVolume.subtract' must be greater than zero")
	case !(subtract < size):
		return errors.New("Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'")
	case op.GetVolume().ProviderId != nil:
		return errors.New("Shrinking a volume from a resource provider is not supported")
	case op.GetVolume().GetDisk().GetSource().GetType() == mesospb.Resource_DiskInfo_Source_MOUNT:
		return errors.New("Shrinking a volume on a MOUNT disk is not supported")
	}
	if err := persistentVolumes(resources.FromValid([]*mesospb.Resource{op.Volume})); err != nil {
		return in("Invalid persistent volume in the 'ShrinkVolume.volume' field", err)
	}
	switch {
	case op.GetVolume().Shared != nil:
		return errors.New("Shrinking a shared persistent volume is not supported")
	case !a.Capabilities.ResizeVolume:
		return errors.New("Volumes cannot be shrunk on an agent without RESIZE_VOLUME capability")
	}
	return nil
}

func diskCreation(op *mesospb.Offer_Operation_CreateDisk) error {
	source := op.GetSource().GetDisk().GetSource()
	target := op.GetTargetType()
	switch {
	case op.GetSource().ProviderId == nil:
		return errors.New("'source' is not managed by a resource provider")
	case source.GetType() != mesospb.Resource_DiskInfo_Source_RAW:
		return errors.New("'source' is not a RAW disk resource")
	case target != mesospb.Resource_DiskInfo_Source_MOUNT && target != mesospb.Resource_DiskInfo_Source_BLOCK:
		return errors.New("'target_type' is neither MOUNT or BLOCK")
	case source.Profile != nil && op.TargetProfile != nil:
		return errors.New("'target_profile' must not be set when 'source' has a profile")
	case source.Profile == nil && op.TargetProfile == nil:
		return errors.New("'target_profile' must be set when 'source' has no profile")
	}
	return nil
}

func diskDestruction(op *mesospb.Offer_Operation_DestroyDisk) error {
	d := op.GetSource().GetDisk()
	kinds := []mesospb.Resource_DiskInfo_Source_Type{
		mesospb.Resource_DiskInfo_Source_MOUNT, mesospb.Resource_DiskInfo_Source_BLOCK, mesospb.Resource_DiskInfo_Source_RAW,
	}
	switch {
	case op.GetSource().ProviderId == nil:
		return errors.New("'source' is not managed by a resource provider")
	case !slices.Contains(kinds, d.GetSource().GetType()):
		return errors.New("'source' is neither a MOUNT, BLOCK or RAW disk resource")
	case d.GetSource().Id == nil:
		return errors.New("'source' is not backed by a CSI volume")
	case d.Persistence != nil:
		return errors.New("A disk resource containing a persistent volume cannot be destroyed directly. Please destroy the persistent volume first then destroy the disk resource")
	}
	return nil
}
