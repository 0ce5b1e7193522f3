package validate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/resources"
	"meseta/messages/roles"
)

// The greatest amounts of a quota: an exabyte of mem or disk, in MB, and of anything else.
const (
	mostMegabytes = 1 << 40
	mostOfOthers  = 1_000_000_000_000
)

// Quota returns an error if a quota is invalid in itself.
//
// Mesos: quota::validate.
func Quota(q *quotapb.QuotaConfig) error {
	if q.Role == nil {
		return errors.New("'QuotaConfig.role' must be set")
	}
	if err := roles.Validate(q.GetRole()); err != nil {
		return fmt.Errorf("Invalid 'QuotaConfig.role': %w", err)
	}
	for _, part := range []struct {
		name    string
		amounts map[string]*mesospb.Value_Scalar
	}{{"guarantees", q.GetGuarantees()}, {"limits", q.GetLimits()}} {
		if err := tooMuch(part.amounts); err != nil {
			return fmt.Errorf("Invalid 'QuotaConfig.%s': %w", part.name, err)
		}
	}
	if err := inputScalars("guarantee", q.GetGuarantees()); err != nil {
		return err
	}
	if err := inputScalars("limit", q.GetLimits()); err != nil {
		return err
	}
	guarantees := resources.QuantitiesOf(resources.Amounts(q.GetGuarantees()))
	if !resources.LimitsOf(resources.Amounts(q.GetLimits())).Allow(guarantees) {
		return fmt.Errorf("'QuotaConfig.guarantees' %s is not contained within the 'QuotaConfig.limits' %s",
			amountsOf(q.GetGuarantees()), amountsOf(q.GetLimits()))
	}
	return nil
}

// tooMuch returns an error if an amount is out of the range of quotas.
func tooMuch(amounts map[string]*mesospb.Value_Scalar) error {
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		most, unit := float64(mostOfOthers), "trillion"
		if name == "mem" || name == "disk" {
			most, unit = mostMegabytes, "exabyte"
		}
		if amounts[name].GetValue() > most {
			return fmt.Errorf("{'%s': %s} is invalid: values greater than 1 %s (%.0f) are not supported", name, amount(amounts[name]), unit, most)
		}
	}
	return nil
}

// inputScalars returns an error if an amount is not a number that is zero or above.
//
// Mesos: common::validation::validateInputScalarValue.
func inputScalars(what string, amounts map[string]*mesospb.Value_Scalar) error {
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		reason := ""
		switch f := amounts[name].GetValue(); {
		case math.IsInf(f, 0):
			reason = "Infinite values not supported"
		case math.IsNaN(f):
			reason = "NaN not supported"
		case f != 0 && math.Abs(f) < 0x1p-1022:
			reason = "Subnormal values not supported"
		case f < 0:
			reason = "Negative values not supported"
		}
		if reason != "" {
			return fmt.Errorf("Invalid %s configuration {'%s': %s}: %s", what, name, amount(amounts[name]), reason)
		}
	}
	return nil
}

func amount(s *mesospb.Value_Scalar) string {
	if f := s.GetValue(); math.IsInf(f, 0) || math.IsNaN(f) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return resources.QuantityOf(s.GetValue()).String()
}

// amountsOf formats amounts as "{ cpus: 2, mem: 64 }".
func amountsOf(amounts map[string]*mesospb.Value_Scalar) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		pairs = append(pairs, name+": "+amount(amounts[name]))
	}
	return "{ " + strings.Join(pairs, ", ") + " }"
}

// QuotaRequest returns an error if a request to set a quota, as before Mesos 1.9, is invalid in itself.
//
// Mesos: Resources::validate and quota::validation::quotaInfo.
func QuotaRequest(request *quotapb.QuotaRequest) error {
	if err := resources.ValidateAll(request.GetGuarantee()); err != nil {
		return fmt.Errorf("QuotaInfo with invalid resource: %w", err)
	}
	if err := roles.Validate(request.GetRole()); err != nil {
		return fmt.Errorf("QuotaInfo with invalid role: %w", err)
	}
	if len(request.GetGuarantee()) == 0 {
		return errors.New("QuotaInfo with empty 'guarantee'")
	}
	seen := map[string]bool{}
	for _, r := range request.GetGuarantee() {
		switch name := r.GetName(); {
		case len(r.GetReservations()) > 0 || r.GetReservation() != nil || r.Role != nil && r.GetRole() != roles.Default:
			return errors.New("QuotaInfo must not contain any ReservationInfo")
		case r.GetDisk() != nil:
			return errors.New("QuotaInfo must not contain DiskInfo")
		case r.GetRevocable() != nil:
			return errors.New("QuotaInfo must not contain RevocableInfo")
		case r.GetType() != mesospb.Value_SCALAR:
			return errors.New("QuotaInfo must not include non-scalar resources")
		case seen[name]:
			return fmt.Errorf("QuotaInfo contains duplicate resource name '%s'", name)
		default:
			seen[name] = true
		}
	}
	return nil
}

// QuotaTree returns an error if a role is guaranteed less than the roles directly below it together. Quotas are those of
// all roles, at most one of each.
//
// Mesos: QuotaTree::validate.
func QuotaTree(quotas []*quotapb.QuotaConfig) error {
	own, below := map[string]resources.Quantities{}, map[string]resources.Quantities{}
	for _, q := range quotas {
		guarantees := resources.QuantitiesOf(resources.Amounts(q.GetGuarantees()))
		own[q.GetRole()] = guarantees
		if parent, ok := roles.Parent(q.GetRole()); ok {
			below[parent] = below[parent].Plus(guarantees)
		}
	}
	for _, role := range slices.Backward(slices.Sorted(maps.Keys(below))) { // those below first
		if !own[role].Contains(below[role]) {
			return fmt.Errorf("Invalid quota configuration. Parent role '%s' with guarantees (%s) does not contain the sum of its children's guarantees (%s)",
				role[strings.LastIndexByte(role, '/')+1:], own[role], below[role])
		}
	}
	return nil
}
