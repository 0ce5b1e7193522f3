package agents

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// heldBy returns the resources that a task or an executor of f holds, all allocated to one role. Agents without
// MULTI_ROLE do not report the role; they run only frameworks with a single one.
func heldBy(f *book.Framework, ps []*mesospb.Resource) resources.Resources {
	rs := resources.FromValid(ps)
	role := "*"
	if roles := append(rs.AllocationRoles(), f.Roles...); len(roles) > 0 {
		role = roles[0]
	}
	return rs.Allocate(role)
}

// Update takes over an agent's revocable resources, the resources of its resource providers, and the versions of its resources, and
// compares its operations with those in the book.
//
// Mesos: Master::updateSlave.
func (r *Registrations) Update(from runtime.PID, msg *internalpb.UpdateSlaveMessage) {
	a := r.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil {
		r.Log().Warn().Str("agent_id", msg.GetSlaveId().GetValue()).Stringer("from", from).Msg("update of an unknown agent ignored")
		return
	}
	revocable := a.Total.Revocable()
	changed := a.Ledger.Update(msg)
	r.reconcileOperations(a, msg)
	if changed {
		r.cluster.Allocator.UpdateAgent(a)
		r.rescindUnfit(a, !revocable.Equal(a.Total.Revocable()))
	}
	r.drains.Check(a)
}

// rescindUnfit rescinds offers that a can no longer honor: those with revocable resources if revocable is true, and all
// if a has less than what is used and offered.
func (r *Registrations) rescindUnfit(a *book.Agent, revocable bool) {
	all := len(a.Offers()) > 0 && !a.Total.Contains(a.Used().Plus(a.Offered()).Unallocate())
	for _, o := range a.Offers() {
		if all || revocable && !o.Resources.Revocable().IsEmpty() {
			r.cluster.Offers.Rescind(o)
		}
	}
}
