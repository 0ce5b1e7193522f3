package master

import (
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/leadership"
	"meseta/master/refusal"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/resources"
	"meseta/messages/roles"
)

// CheckLimits returns an error if a role already has more than it is to have at most.
//
// Mesos: Master::QuotaHandler::update.
func (m *Master) CheckLimits(quotas []*quotapb.QuotaConfig) error {
	consumed := m.consumed()
	for _, q := range quotas {
		limits := resources.LimitsOf(resources.Amounts(q.GetLimits()))
		if now := consumed[q.GetRole()]; !limits.Allow(now) {
			return refusal.New(refusal.Invalid, "Role '%s' is already consuming '%s'; this is more than the requested limits '%s'",
				q.GetRole(), now, limits)
		}
	}
	return nil
}

// consumed returns what roles, each with those below it, use, and what is reserved to them and not used.
func (m *Master) consumed() map[string]resources.Quantities {
	consumed := map[string]resources.Quantities{}
	for _, r := range m.cluster.Look().Roles() {
		consumed[r.Name] = r.Consumed()
	}
	return consumed
}

// Guaranteed returns what all roles would be guaranteed with these quotas, and what all agents together have, connected
// or not.
//
// Mesos: QuotaTree::totalGuarantees and overcommitCheck.
func (m *Master) Guaranteed(quotas []*quotapb.QuotaConfig) (total, capacity resources.Quantities) {
	for _, q := range m.roles.WithQuotas(quotas) {
		if _, nested := roles.Parent(q.GetRole()); !nested {
			total = total.Plus(book.Guarantees(q))
		}
	}
	for _, a := range m.book.Agents() {
		capacity = capacity.Plus(a.Total.NonRevocable().ScalarQuantities())
	}
	return total, capacity
}

// UpdateQuotas sets quotas of roles, or removes those that neither guarantee nor limit anything. It rescinds offers of roles that then
// exceed their limits, and of others until what a role is guaranteed can be offered to it.
//
// Differs: the older SET_QUOTA, too, rescinds only these offers, and not those of whole agents.
//
// Mesos: Master::QuotaHandler::_update.
func (m *Master) UpdateQuotas(quotas []*quotapb.QuotaConfig) leadership.Done {
	return m.registry.Store("update the quotas", registrar.UpdateQuotas{Quotas: quotas}, func() error {
		m.roles.UpdateQuotas(quotas)
		m.cluster.Allocator.UpdateQuotas(m.roles.Quotas())
		for _, q := range quotas {
			m.rescindFor(q)
		}
		return nil
	})
}

// rescindFor rescinds the offers that are in the way of a quota. As in Mesos these may be more or fewer than necessary, since
// the allocator may have made others meanwhile, and reservations that are offered count twice.
func (m *Master) rescindFor(q *quotapb.QuotaConfig) {
	own := func(o *book.Offer) bool { return o.Role == q.GetRole() || roles.IsStrictSubroleOf(o.Role, q.GetRole()) }
	claimed := m.consumed()[q.GetRole()]
	m.eachOffer(func(o *book.Offer) {
		if own(o) {
			claimed = claimed.Plus(o.Resources.Quantities())
		}
	})
	limits := resources.LimitsOf(resources.Amounts(q.GetLimits()))
	m.eachOffer(func(o *book.Offer) {
		if own(o) && !limits.Allow(claimed) {
			claimed = claimed.Minus(o.Resources.Quantities())
			m.cluster.Offers.Rescind(o)
		}
	})
	m.eachOffer(func(o *book.Offer) {
		if !own(o) && !claimed.Contains(book.Guarantees(q)) {
			claimed = claimed.Plus(o.Resources.Quantities())
			m.cluster.Offers.Rescind(o)
		}
	})
}

// eachOffer calls do for each offer, agent by agent.
func (m *Master) eachOffer(do func(*book.Offer)) {
	for _, a := range m.book.Agents() {
		for _, o := range a.Offers() {
			do(o)
		}
	}
}

// recoverQuotas takes the quotas from the registry, also those that masters before Mesos 1.9 have written, for which what is
// guaranteed is the limit, too.
func (m *Master) recoverQuotas(r *registrypb.Registry) {
	var quotas []*quotapb.QuotaConfig
	for _, q := range r.GetQuotas() {
		quotas = append(quotas, OldQuota(q.GetInfo()))
	}
	m.roles.UpdateQuotas(append(quotas, r.GetQuotaConfigs()...))
	m.cluster.Allocator.RecoverQuotas(len(r.GetSlaves().GetSlaves()), m.roles.Quotas())
}

// OldQuota returns the quota that masters before Mesos 1.9 meant: its guarantee is also its limit.
func OldQuota(info *quotapb.QuotaInfo) *quotapb.QuotaConfig {
	amounts := map[string]*mesospb.Value_Scalar{}
	for _, r := range info.GetGuarantee() {
		amounts[r.GetName()] = r.GetScalar()
	}
	role := info.GetRole()
	return &quotapb.QuotaConfig{Role: &role, Guarantees: amounts, Limits: amounts}
}
