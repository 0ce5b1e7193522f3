package book

import (
	"meseta/messages/pb/quotapb"
	"meseta/messages/resources"
)

// IsNoQuota reports whether a quota neither guarantees nor limits anything. Setting it removes the quota of a role.
func IsNoQuota(q *quotapb.QuotaConfig) bool {
	return Guarantees(q).IsEmpty() && len(q.GetLimits()) == 0
}

// Guarantees returns what a quota guarantees.
func Guarantees(q *quotapb.QuotaConfig) resources.Quantities {
	return resources.QuantitiesOf(resources.Amounts(q.GetGuarantees()))
}
