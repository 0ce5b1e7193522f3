package agents

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// heldBy reads resources that a task or an executor of f holds, all in one role; old agents do not tell in which, and
// run frameworks of one role only.
func heldBy(f *book.Framework, ps []*mesospb.Resource) resources.Resources {
	rs := resources.FromValid(ps)
	role := "*"
	if roles := append(rs.AllocationRoles(), f.Roles...); len(roles) > 0 {
		role = roles[0]
	}
	return rs.Allocate(role)
}

// Update takes over what an agent can lend beyond its own, and the version of its resources.
//
// Mesos: Master::updateSlave.
func (r *Registrations) Update(from runtime.PID, msg *internalpb.UpdateSlaveMessage) {
	a := r.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil {
		r.Log().Warn().Str("agent_id", msg.GetSlaveId().GetValue()).Stringer("from", from).Msg("update of an unknown agent ignored")
		return
	}
	revocable := a.Total.Revocable()
	if !a.Ledger.Update(msg) {
		return
	}
	r.cluster.Allocator.UpdateAgent(a)
	r.rescindUnfit(a, !revocable.Equal(a.Total.Revocable()))
}

// rescindUnfit takes back what a cannot keep of its offers: those of what is revocable, if that has changed, and all if it has
// no longer what is used and offered.
func (r *Registrations) rescindUnfit(a *book.Agent, revocable bool) {
	all := len(a.Offers()) > 0 && !a.Total.Contains(a.Used().Plus(a.Offered()).Unallocate())
	for _, o := range a.Offers() {
		if all || revocable && !o.Resources.Revocable().IsEmpty() {
			r.cluster.Offers.Rescind(o)
		}
	}
}
