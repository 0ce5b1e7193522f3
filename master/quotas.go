package master

import (
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
)

// recoverQuotas takes the quotas from the registry, also those that masters before Mesos 1.9 have written, for which what is
// guaranteed is the limit, too.
//
// Differs: quotas are kept and shown, so that they are there for a master of Mesos that leads later, but not enforced.
func (m *Master) recoverQuotas(r *registrypb.Registry) {
	quotas := slices.Clone(r.GetQuotaConfigs())
	for _, q := range r.GetQuotas() {
		amounts := scalars(q.GetInfo().GetGuarantee())
		role := q.GetInfo().GetRole()
		quotas = append(quotas, &quotapb.QuotaConfig{Role: &role, Guarantees: amounts, Limits: amounts})
	}
	m.roles.SetQuotas(quotas)
	for _, q := range m.roles.Quotas() {
		m.Log().Warn().Str("role", q.GetRole()).Msg("the registry has a quota of this role, which is kept but not enforced")
	}
}

// scalars returns the amounts of scalar resources by name.
func scalars(all []*mesospb.Resource) map[string]*mesospb.Value_Scalar {
	amounts := map[string]*mesospb.Value_Scalar{}
	for _, r := range all {
		amounts[r.GetName()] = r.GetScalar()
	}
	return amounts
}
