package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/operations"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// OperationResources returns an error if the resources in an operation other than a launch are invalid. It is the first
// check of an operation.
//
// Mesos: validateAndUpgradeResources.
func OperationResources(op *mesospb.Offer_Operation) error {
	if err := operationField(op); err != nil {
		return err
	}
	return resources.ValidateAll(operations.Resources(op))
}

// operationField returns an error if an operation lacks the field for its type.
func operationField(op *mesospb.Offer_Operation) error {
	kind := op.GetType().String()
	m := op.ProtoReflect()
	field := m.Descriptor().Fields().ByTextName(strings.ToLower(kind))
	switch {
	case field == nil:
		return errors.New("Unknown offer operation")
	case m.Has(field):
		return nil
	}
	article := "A"
	if op.GetType() == mesospb.Offer_Operation_UNRESERVE {
		article = "An"
	}
	return fmt.Errorf("%s %s offer operation must have the Offer.Operation.%s field set.", article, kind, field.Name())
}

// UpgradedOperation returns a copy of an operation whose resources have stacks of reservations, the only format that current agents
// accept. The resources in op must be valid.
//
// Mesos: upgradeResources.
func UpgradedOperation(op *mesospb.Offer_Operation) *mesospb.Offer_Operation {
	op = proto.CloneOf(op)
	for _, p := range operations.Resources(op) {
		for r := range resources.FromValid([]*mesospb.Resource{p}).All() {
			p.Reservations, p.Role, p.Reservation = r.Reservations(), nil, nil
		}
	}
	return op
}

// AllocatedOperation is like UpgradedOperation, and allocates the resources of the copy to role unless they were allocated before.
//
// Mesos: protobuf::injectAllocationInfo.
func AllocatedOperation(op *mesospb.Offer_Operation, role string) *mesospb.Offer_Operation {
	op = UpgradedOperation(op)
	for _, r := range operations.Resources(op) {
		if r.AllocationInfo == nil {
			r.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: &role}
		}
	}
	return op
}

// Requester is who asks for an operation.
type Requester struct {
	Framework *book.Framework // nil for an operator
	Principal *string         // nil if it is not authenticated; reservations and volumes may then be in any name
}

// ByFramework is the requester of an operation on offers to f.
func ByFramework(f *book.Framework) Requester { return Requester{f, f.Info.Principal} }

// Operation returns an error if an operation by that requester cannot be applied on a. The resources of op must be valid and, if the
// requester is a framework, allocated.
//
// Mesos: validation::operation::validate.
func Operation(op *mesospb.Offer_Operation, by Requester, a *book.Agent) error {
	ps := operations.Resources(op)
	rs := resources.FromValid(ps)
	usable := func() error { return in("Invalid resources", first(check(valid, rs), check(oneProvider, ps))) }
	provided := func() error { return in("Invalid resource", valid(rs)) }
	switch op.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		ps, rs := op.GetReserve().GetResources(), resources.FromValid(op.GetReserve().GetResources())
		return first(
			func() error { return in("Invalid resources", valid(rs)) },
			check(rereservation, op.GetReserve()),
			func() error { return in("Invalid resources", oneProvider(ps)) },
			func() error { return reservation(rs, by, a) },
		)
	case mesospb.Offer_Operation_UNRESERVE:
		return first(usable, check(unreservation, rs))
	case mesospb.Offer_Operation_CREATE:
		return first(usable, func() error { return creation(rs, by, a) })
	case mesospb.Offer_Operation_DESTROY:
		return first(usable, func() error { return destruction(rs.Unallocate(), a) })
	case mesospb.Offer_Operation_GROW_VOLUME:
		return growth(op.GetGrowVolume(), a)
	case mesospb.Offer_Operation_SHRINK_VOLUME:
		return shrinking(op.GetShrinkVolume(), a)
	case mesospb.Offer_Operation_CREATE_DISK:
		return first(provided, check(diskCreation, op.GetCreateDisk()))
	case mesospb.Offer_Operation_DESTROY_DISK:
		return first(provided, check(diskDestruction, op.GetDestroyDisk()))
	}
	return errors.New("Unknown operation")
}

func reservation(rs resources.Resources, by Requester, a *book.Agent) error {
	for r := range rs.All() {
		if err := first(
			func() error { return reservable(r, a) },
			func() error { return reservedBy(r, by.Principal) },
			func() error { return reservedTo(r, by.Framework) },
		); err != nil {
			return err
		}
	}
	if by.Framework == nil {
		return nil
	}
	return in("Invalid reservation resources", oneAllocation(rs))
}

// rereservation returns an error if a reservation names the resources that it is made from, and these are not the same amounts.
func rereservation(op *mesospb.Offer_Operation_Reserve) error {
	if len(op.GetSource()) == 0 {
		return nil
	}
	source, target := resources.FromValid(op.GetSource()), resources.FromValid(op.GetResources())
	return first(
		func() error { return in("Invalid source", valid(source)) },
		func() error { return in("Invalid source", uniformlyReserved(source)) },
		func() error { return in("Invalid resources", uniformlyReserved(target)) },
		func() error {
			if from, to := source.ToUnreserved(), target.ToUnreserved(); !from.Equal(to) {
				return fmt.Errorf("Source and target resources should refer to identical resource quantities: %s vs. %s", from, to)
			}
			return nil
		},
	)
}

// uniformlyReserved returns an error unless all resources have the same reservations.
func uniformlyReserved(rs resources.Resources) error {
	var common []*mesospb.Resource_ReservationInfo
	any := false
	for r := range rs.All() {
		if any && !slices.EqualFunc(common, r.Reservations(), func(x, y *mesospb.Resource_ReservationInfo) bool { return proto.Equal(x, y) }) {
			return fmt.Errorf("Mixed reservations are not supported%s", rs)
		}
		common, any = r.Reservations(), true
	}
	if !any {
		return errors.New("Resource cannot be empty")
	}
	return nil
}

func reservable(r resources.Resource, a *book.Agent) error {
	role := r.ReservationRole()
	switch {
	case !r.IsDynamicallyReserved():
		return fmt.Errorf("Resource %s is not dynamically reserved", r)
	case !a.Capabilities.HierarchicalRole && strings.Contains(role, "/"):
		return fmt.Errorf("Resource %s with reservation for hierarchical role '%s' cannot be reserved on an agent without HIERARCHICAL_ROLE capability", r, role)
	case !a.Capabilities.ReservationRefinement && r.HasRefinedReservation():
		return fmt.Errorf("Resource %s with reservation refinement cannot be reserved on an agent without RESERVATION_REFINEMENT capability", r)
	}
	return nil
}

// reservedBy returns an error if the requester has a principal and reserves in another name.
func reservedBy(r resources.Resource, principal *string) error {
	reservations := r.Reservations()
	last := reservations[len(reservations)-1]
	switch {
	case principal == nil:
		return nil
	case last.Principal == nil:
		return fmt.Errorf("A reserve operation was attempted by principal '%s', but there is a reserved resource in the request with no principal set", *principal)
	case last.GetPrincipal() != *principal:
		return fmt.Errorf("A reserve operation was attempted by authenticated principal '%s', which does not match a reserved resource in the request with principal '%s'",
			*principal, last.GetPrincipal())
	}
	return nil
}

// reservedTo returns an error unless the framework reserves to the role that the resources were offered to. To an operator (nil) nothing is
// offered.
func reservedTo(r resources.Resource, f *book.Framework) error {
	role := r.ReservationRole()
	switch to, allocated := r.AllocationRole(); {
	case f == nil && !allocated:
		return nil
	case f == nil:
		return errors.New("A reserve operation was attempted with an allocated resource, but the operator API only allows reservations to be made to unallocated resources")
	case to != role:
		return fmt.Errorf("A reserve operation was attempted for a resource with role '%s', but the resource was allocated to role '%s'", role, to)
	case !f.HasRole(role):
		return fmt.Errorf("A reserve operation was attempted for a resource allocated to role '%s', but the framework only has roles '%s'", role, set(f.Roles))
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

// persistentVolumes returns an error unless all resources are writable persistent volumes.
func persistentVolumes(rs resources.Resources) error {
	for r := range rs.All() {
		switch {
		case r.Disk() == nil:
			return fmt.Errorf("Resource %s does not have DiskInfo", r)
		case r.Disk().GetPersistence() == nil:
			return errors.New("'persistence' is not set in DiskInfo")
		case r.Disk().GetVolume() == nil:
			return errNoVolume
		case r.Disk().GetVolume().GetMode() == mesospb.Volume_RO:
			return errors.New("Read-only persistent volume not supported")
		}
	}
	return nil
}

func creation(rs resources.Resources, by Requester, a *book.Agent) error {
	if err := persistentVolumes(rs); err != nil {
		return in("Not a persistent volume", err)
	}
	if err := uniquePersistence(rs.Unallocate().Plus(a.Checkpointed)); err != nil {
		return err
	}
	for r := range rs.All() {
		if err := first(
			func() error { return creatable(r, by.Framework, a) },
			func() error { return createdBy(r, by.Principal) },
		); err != nil {
			return err
		}
	}
	if by.Framework == nil {
		return nil
	}
	return in("Invalid volume resources", oneAllocation(rs))
}

func creatable(r resources.Resource, f *book.Framework, a *book.Agent) error {
	role := r.ReservationRole()
	switch {
	case r.IsShared() && f != nil && !f.Capabilities.SharedResources:
		return fmt.Errorf("Create volume operation for '%s' has been attempted by framework '%s' with no SHARED_RESOURCES capability", r, f.ID)
	case !a.Capabilities.HierarchicalRole && strings.Contains(role, "/"):
		return fmt.Errorf("Volume %s with reservation for hierarchical role '%s' cannot be created on an agent without HIERARCHICAL_ROLE capability", r, role)
	case !a.Capabilities.ReservationRefinement && r.HasRefinedReservation():
		return fmt.Errorf("Volume %s with reservation refinement cannot be created on an agent without RESERVATION_REFINEMENT capability", r)
	}
	return nil
}

// createdBy returns an error if the requester has a principal and creates a volume in another name.
func createdBy(r resources.Resource, principal *string) error {
	persistence := r.Disk().GetPersistence()
	switch {
	case principal == nil:
		return nil
	case persistence.Principal == nil:
		return fmt.Errorf("Create volume operation attempted by principal '%s', but there is a volume in the operation with no principal set in 'disk.persistence'",
			*principal)
	case persistence.GetPrincipal() != *principal:
		return fmt.Errorf("Create volume operation attempted by authenticated principal '%s', which does not match a volume in the operation with principal '%s' set in 'disk.persistence'",
			*principal, persistence.GetPrincipal())
	}
	return nil
}

func destruction(volumes resources.Resources, a *book.Agent) error {
	if err := persistentVolumes(volumes); err != nil {
		return in("Not a persistent volume", err)
	}
	own := volumes.Filter(func(r resources.Resource) bool { _, provided := r.Provider(); return !provided })
	if !a.Checkpointed.Contains(own) {
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
	volume := resources.FromValid([]*mesospb.Resource{op.Volume})
	addition := resources.FromValid([]*mesospb.Resource{op.Addition})
	if !(resources.QuantityOf(op.GetAddition().GetScalar().GetValue()) > 0) {
		return errors.New("The size of 'GrowVolume.addition' field must be greater than zero")
	}
	if op.GetVolume().ProviderId != nil {
		return errors.New("Growing a volume from a resource provider is not supported")
	}
	if err := persistentVolumes(volume); err != nil {
		return in("Invalid persistent volume in the 'GrowVolume.volume' field", err)
	}
	switch {
	case op.GetVolume().Shared != nil:
		return errors.New("Growing a shared persistent volume is not supported")
	case volume.WithoutVolumes().Plus(addition).Len() != 1:
		return errors.New("Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields")
	case !a.Capabilities.ResizeVolume:
		return fmt.Errorf("Volume %s cannot be grown on an agent without RESIZE_VOLUME capability", volume)
	}
	return nil
}

func shrinking(op *mesospb.Offer_Operation_ShrinkVolume, a *book.Agent) error {
	subtract, size := resources.QuantityOf(op.GetSubtract().GetValue()), resources.QuantityOf(op.GetVolume().GetScalar().GetValue())
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
	volume := resources.FromValid([]*mesospb.Resource{op.Volume})
	if err := persistentVolumes(volume); err != nil {
		return in("Invalid persistent volume in the 'ShrinkVolume.volume' field", err)
	}
	switch {
	case op.GetVolume().Shared != nil:
		return errors.New("Shrinking a shared persistent volume is not supported")
	case !a.Capabilities.ResizeVolume:
		return fmt.Errorf("Volume %s cannot be shrunk on an agent without RESIZE_VOLUME capability", volume)
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
		return fmt.Errorf("A disk resource containing a persistent volume %s cannot be destroyed directly. Please destroy the persistent volume first then destroy the disk resource",
			resources.FromValid([]*mesospb.Resource{op.Source}))
	}
	return nil
}
