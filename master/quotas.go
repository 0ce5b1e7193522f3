package master

import (
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
)

// recoverQuotas takes the quotas from the registry, also those that masters before Mesos 1.9 have written, for which what is
// guaranteed is the limit, too.
func (m *Master) recoverQuotas(r *registrypb.Registry) {
	var quotas []*quotapb.QuotaConfig
	for _, q := range r.GetQuotas() {
		amounts := scalars(q.GetInfo().GetGuarantee())
		role := q.GetInfo().GetRole()
		quotas = append(quotas, &quotapb.QuotaConfig{Role: &role, Guarantees: amounts, Limits: amounts})
	}
	m.roles.UpdateQuotas(append(quotas, r.GetQuotaConfigs()...))
	m.cluster.Allocator.RecoverQuotas(len(r.GetSlaves().GetSlaves()), m.roles.Quotas())
}

// scalars returns the amounts of scalar resources by name.
func scalars(all []*mesospb.Resource) map[string]*mesospb.Value_Scalar {
	amounts := map[string]*mesospb.Value_Scalar{}
	for _, r := range all {
		amounts[r.GetName()] = r.GetScalar()
	}
	return amounts
}
