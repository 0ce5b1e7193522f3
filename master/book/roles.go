package book

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/roles"
)

// Roles holds what the master knows about roles apart from the frameworks in them: which are allowed, their weights,
// and the quotas that the registry keeps for them.
type Roles struct {
	allowed map[string]bool    // --roles, with "*"; nil means any
	weights map[string]float64 // of roles with a weight; others have weight 1
	quotas  []*quotapb.QuotaConfig
}

// NewRoles returns roles without weights. If allowed is not nil, only those roles and "*" are allowed.
func NewRoles(allowed []string) *Roles {
	r := &Roles{weights: map[string]float64{}}
	if allowed != nil {
		r.allowed = map[string]bool{"*": true}
		for _, role := range allowed {
			r.allowed[role] = true
		}
	}
	return r
}

// Allows reports whether role is allowed.
func (r *Roles) Allows(role string) bool { return r.allowed == nil || r.allowed[role] }

// Whitelist returns the allowed roles, sorted, or nil if all are allowed.
func (r *Roles) Whitelist() []string { return slices.Sorted(maps.Keys(r.allowed)) }

// Weights returns a copy of the weights.
func (r *Roles) Weights() map[string]float64 { return maps.Clone(r.weights) }

// WeightInfos returns the weights by role.
func (r *Roles) WeightInfos() []*mesospb.WeightInfo { return WeightInfos(r.weights) }

// SetWeights sets the weights of some roles.
func (r *Roles) SetWeights(infos []*mesospb.WeightInfo) {
	for _, w := range infos {
		r.weights[w.GetRole()] = w.GetWeight()
	}
}

// Quotas returns the quotas by role, which the caller only reads.
func (r *Roles) Quotas() []*quotapb.QuotaConfig { return slices.Clone(r.quotas) }

// UpdateQuotas sets the quotas of some roles. A quota that neither guarantees nor limits anything removes the role's.
//
// Differs: Mesos goes on listing roles whose quota was removed in this way until the next master leads.
func (r *Roles) UpdateQuotas(quotas []*quotapb.QuotaConfig) { r.quotas = r.WithQuotas(quotas) }

// WithQuotas returns what the quotas would be, by role, if those of some roles were set.
func (r *Roles) WithQuotas(quotas []*quotapb.QuotaConfig) []*quotapb.QuotaConfig {
	byRole := map[string]*quotapb.QuotaConfig{}
	for _, q := range slices.Concat(r.quotas, quotas) {
		byRole[q.GetRole()] = q
	}
	maps.DeleteFunc(byRole, func(_ string, q *quotapb.QuotaConfig) bool { return IsNoQuota(q) })
	return slices.SortedFunc(maps.Values(byRole), func(a, b *quotapb.QuotaConfig) int { return cmp.Compare(a.GetRole(), b.GetRole()) })
}

// Quota returns the quota of a role, or nil.
func (r *Roles) Quota(role string) *quotapb.QuotaConfig {
	for _, q := range r.quotas {
		if q.GetRole() == role {
			return q
		}
	}
	return nil
}

// Check returns an error if the roles are inconsistent.
func (r *Roles) Check() error {
	for role, weight := range r.weights {
		if err := roles.Validate(role); err != nil {
			return fmt.Errorf("weight of role %q: %w", role, err)
		}
		if !(weight > 0) {
			return fmt.Errorf("role %s has the weight %v", role, weight)
		}
	}
	return nil
}

// WeightInfos returns weights by role in the form in which the registry keeps them.
func WeightInfos(weights map[string]float64) []*mesospb.WeightInfo {
	var infos []*mesospb.WeightInfo
	for role, weight := range weights {
		infos = append(infos, &mesospb.WeightInfo{Role: proto.String(role), Weight: proto.Float64(weight)})
	}
	slices.SortFunc(infos, func(a, b *mesospb.WeightInfo) int { return cmp.Compare(a.GetRole(), b.GetRole()) })
	return infos
}
