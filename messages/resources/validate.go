package resources

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
	"meseta/messages/values"
)

// errTooSmall is the error for scalars that are below zero or round to zero.
var errTooSmall = errors.New("Invalid scalar resource: value <= 0")

// ValidateAll returns an error, with the reason that Mesos gives, if one of the resources is invalid.
//
// Mesos: Resources::validate.
func ValidateAll(ps []*mesospb.Resource) error {
	for _, p := range ps {
		if err := Validate(p); err != nil {
			return fmt.Errorf("Resource '%s' is invalid: %w", describe(p), err)
		}
	}
	return nil
}

// Validate returns an error, with the reason that Mesos gives, if the resource is invalid. Its reservations may be in
// either format, or in both if they agree.
//
// Mesos: Resources::validate.
func Validate(p *mesospb.Resource) error {
	if p.GetName() == "" {
		return errors.New("Empty resource name")
	}
	return cmp.Or(validateValue(p), validateDisk(p), validateReservations(p), validateShared(p))
}

func validateValue(p *mesospb.Resource) error {
	scalar, ranges, set := p.GetScalar() != nil, p.GetRanges() != nil, p.GetSet() != nil
	switch p.GetType() {
	case mesospb.Value_SCALAR:
		if !scalar || ranges || set {
			return errors.New("Invalid scalar resource")
		}
		return validateScalar(p.GetScalar().GetValue())
	case mesospb.Value_RANGES:
		if scalar || !ranges || set {
			return errors.New("Invalid ranges resource")
		}
		return validateRanges(p.GetRanges())
	case mesospb.Value_SET:
		if scalar || ranges || !set {
			return errors.New("Invalid set resource")
		}
		return validateSet(p.GetSet())
	default:
		return errors.New("Unsupported resource type")
	}
}

// validateScalar also refuses infinities and NaN.
func validateScalar(f float64) error {
	q, err := exactly(f)
	switch {
	case err != nil:
		return fmt.Errorf("Invalid scalar resource: %w", err)
	case f != 0 && q <= 0:
		return errTooSmall
	}
	return nil
}

// validateRanges refuses inverted and overlapping ranges.
//
// Differs: Mesos misses some overlaps, depending on the order of the ranges.
func validateRanges(p *mesospb.Value_Ranges) error {
	rs := values.RangesOf(p)
	if slices.ContainsFunc(rs, func(r Range) bool { return r.Begin > r.End }) {
		return errors.New("Invalid ranges resource: begin > end")
	}
	slices.SortFunc(rs, Range.Compare)
	for i := 1; i < len(rs); i++ {
		if rs[i].Begin <= rs[i-1].End {
			return errors.New("Invalid ranges resource: overlapping ranges")
		}
	}
	return nil
}

func validateSet(p *mesospb.Value_Set) error {
	if len(SetOf(p.GetItem()...).items) < len(p.GetItem()) {
		return errors.New("Invalid set resource: duplicated elements")
	}
	return nil
}

func validateDisk(p *mesospb.Resource) error {
	if p.GetDisk() == nil {
		return nil
	}
	if p.GetName() != "disk" {
		return fmt.Errorf("DiskInfo should not be set for %s resource", p.GetName())
	}
	source := p.GetDisk().GetSource()
	if source == nil {
		return nil
	}
	switch source.GetType() {
	case mesospb.Resource_DiskInfo_Source_PATH, mesospb.Resource_DiskInfo_Source_MOUNT:
		return nil
	case mesospb.Resource_DiskInfo_Source_BLOCK, mesospb.Resource_DiskInfo_Source_RAW:
		if source.GetMount() != nil {
			return fmt.Errorf("Mount should not be set for %s disk source", source.GetType())
		}
		if source.GetPath() != nil {
			return fmt.Errorf("Path should not be set for %s disk source", source.GetType())
		}
		return nil
	default:
		return fmt.Errorf("Unsupported 'DiskInfo.Source.Type' in '%s'", source.GetType())
	}
}

func validateShared(p *mesospb.Resource) error {
	switch {
	case p.GetShared() == nil:
		return nil
	case p.GetName() != "disk":
		return fmt.Errorf("Resource %s cannot be shared", p.GetName())
	case p.GetDisk().GetPersistence() == nil:
		return errors.New("Only persistent volumes can be shared")
	}
	return nil
}

func validateReservations(p *mesospb.Resource) error {
	if len(p.GetReservations()) == 0 {
		return validatePreRefinement(p)
	}
	for _, r := range p.GetReservations() {
		if err := validateReservation(r); err != nil {
			return err
		}
	}
	for i, r := range p.GetReservations()[1:] {
		if err := validateRefinement(r, p.GetReservations()[i].GetRole()); err != nil {
			return err
		}
	}
	if len(p.GetReservations()) == 1 {
		return validateBothFormats(p, p.GetReservations()[0])
	}
	switch {
	case p.Role != nil:
		return errors.New("Invalid resource format: 'Resource.role' must not be set if" +
			" there is more than one reservation in 'Resource.reservations'")
	case p.GetReservation() != nil:
		return errors.New("Invalid resource format: 'Resource.reservation' must not be set if" +
			" there is more than one reservation in 'Resource.reservations'")
	}
	return nil
}

// validatePreRefinement validates the older format: a role and, for a dynamic reservation, its principal.
func validatePreRefinement(p *mesospb.Resource) error {
	if err := roles.Validate(p.GetRole()); err != nil {
		return err
	}
	switch reservation := p.GetReservation(); {
	case reservation == nil:
		return nil
	case reservation.Type != nil:
		return errors.New("'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field")
	case reservation.Role != nil:
		return errors.New("'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field")
	case p.GetRole() == "*":
		return errors.New(`Invalid reservation: role "*" cannot be dynamically reserved`)
	}
	return nil
}

func validateReservation(r *mesospb.Resource_ReservationInfo) error {
	if r.Type == nil {
		return errors.New("Invalid reservation: 'Resource.ReservationInfo.type' field must be set.")
	}
	if r.Role == nil {
		return errors.New("Invalid reservation: 'Resource.ReservationInfo.role' field must be set.")
	}
	if err := roles.Validate(r.GetRole()); err != nil {
		return err
	}
	if r.GetRole() == "*" {
		return errors.New(`Invalid reservation: role "*" cannot be reserved`)
	}
	switch r.GetType() { // may be a number that the enum does not have
	case mesospb.Resource_ReservationInfo_STATIC, mesospb.Resource_ReservationInfo_DYNAMIC:
		return nil
	default:
		return errors.New("Unsupported 'Resource.ReservationInfo.Type'")
	}
}

func validateRefinement(r *mesospb.Resource_ReservationInfo, ancestor string) error {
	if r.GetType() == mesospb.Resource_ReservationInfo_STATIC {
		return errors.New("Invalid refined reservation: A refined reservation cannot be STATIC")
	}
	if !roles.IsStrictSubroleOf(r.GetRole(), ancestor) {
		return fmt.Errorf("Invalid refined reservation: role '%s' is not a refinement of '%s'", r.GetRole(), ancestor)
	}
	return nil
}

// validateBothFormats validates a resource whose only reservation is in the newer format: in the older format it must
// have none or the same.
func validateBothFormats(p *mesospb.Resource, only *mesospb.Resource_ReservationInfo) error {
	if p.Role != nil && p.GetRole() != only.GetRole() {
		return fmt.Errorf("Invalid resource format: 'Resource.role' field with '%s' does not match the role '%s'"+
			" in 'Resource.reservations'", p.GetRole(), only.GetRole())
	}
	old := p.GetReservation()
	if only.GetType() == mesospb.Resource_ReservationInfo_STATIC {
		if old != nil {
			return errors.New("Invalid resource format: 'Resource.reservation' must not be set if the single" +
				" reservation in 'Resource.reservations' is STATIC")
		}
		return nil
	}
	if (p.Role != nil) != (old != nil) {
		return errors.New("Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be" +
			" both set or both not set if the single reservation in 'Resource.reservations' is DYNAMIC")
	}
	return validateSameReservation(old, only)
}

func validateSameReservation(old, only *mesospb.Resource_ReservationInfo) error {
	if old == nil {
		return nil
	}
	if old.GetPrincipal() != only.GetPrincipal() {
		return fmt.Errorf("Invalid resource format: 'Resource.reservation.principal' field with '%s' does not match"+
			" the principal '%s' in 'Resource.reservations'", old.GetPrincipal(), only.GetPrincipal())
	}
	if !sameLabels(old.GetLabels(), only.GetLabels()) {
		return fmt.Errorf("Invalid resource format: 'Resource.reservation.labels' field with '%s' does not match the"+
			" labels '%s' in 'Resource.reservations'", printLabels(old.GetLabels()), printLabels(only.GetLabels()))
	}
	return nil
}

func sameLabels(a, b *mesospb.Labels) bool {
	return slices.EqualFunc(sortedLabels(a).GetLabels(), sortedLabels(b).GetLabels(), func(x, y *mesospb.Label) bool {
		return x.GetKey() == y.GetKey() && x.GetValue() == y.GetValue()
	})
}
