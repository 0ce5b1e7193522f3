package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// agentTotal is what an agent has: its resources, where those that it checkpointed replace the ones they were made of.
//
// Mesos: applyCheckpointedResources.
func agentTotal(info *mesospb.SlaveInfo, checkpointed []*mesospb.Resource) resources.Resources {
	total := resources.FromValid(info.GetResources())
	for _, made := range checkpointed {
		origin := resources.FromValid([]*mesospb.Resource{originOf(made)})
		if total.Contains(origin) {
			total = total.Minus(origin).Plus(resources.FromValid([]*mesospb.Resource{made}))
		}
	}
	return total
}

// originOf is what a dynamically reserved resource or a persistent volume was made of.
func originOf(made *mesospb.Resource) *mesospb.Resource {
	r := proto.CloneOf(made)
	r.Shared = nil
	if len(r.Reservations) > 0 && r.Reservations[0].GetType() == mesospb.Resource_ReservationInfo_STATIC {
		r.Reservations = r.Reservations[:1]
	} else {
		r.Reservations = nil
	}
	if r.Reservation != nil {
		r.Reservation, r.Role = nil, nil
	}
	if r.GetDisk().GetPersistence() == nil {
		return r
	}
	r.Disk.Persistence, r.Disk.Volume = nil, nil
	if r.Disk.Source == nil {
		r.Disk = nil
	}
	return r
}

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
	if msg.ResourceVersionUuid != nil {
		a.ResourceVersion = msg.ResourceVersionUuid
	}
	total := r.updatedTotal(a, msg)
	if total.Equal(a.Total) {
		return
	}
	oversubscribed := !total.Revocable().Equal(a.Total.Revocable())
	a.Total = total
	r.cluster.Allocator.UpdateAgent(a)
	r.rescindUnfit(a, oversubscribed)
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

func (r *Registrations) updatedTotal(a *book.Agent, msg *internalpb.UpdateSlaveMessage) resources.Resources {
	own := a.Total.Filter(func(r resources.Resource) bool { _, provided := r.Provider(); return !provided })
	revocable := own.Revocable()
	if msg.UpdateOversubscribedResources == nil || msg.GetUpdateOversubscribedResources() {
		revocable = resources.FromValid(msg.GetOversubscribedResources())
	}
	total := own.NonRevocable().Plus(revocable)
	if msg.ResourceProviders == nil {
		return total.Plus(a.Total.Filter(func(r resources.Resource) bool { _, provided := r.Provider(); return provided }))
	}
	for _, p := range msg.GetResourceProviders().GetProviders() {
		total = total.Plus(resources.FromValid(p.GetTotalResources()))
	}
	return total
}
