package view

import (
	"iter"
	"slices"
	"time"

	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Agent is a registered agent as it was at one moment.
type Agent struct {
	of       *book.Agent // to be looked at by the mirror only
	revision uint64

	ID           ids.Agent
	Info         *mesospb.SlaveInfo
	PID          runtime.PID
	Version      string
	Announced    []*mesospb.SlaveInfo_Capability
	Registered   time.Time
	Reregistered time.Time
	Active       bool
	Deactivation book.Deactivation
	Total        resources.Resources
	Used         resources.Resources
	Offered      resources.Resources

	memo memo                // of the object in /state
	may  authorizer.Approver // who looks; nil: somebody who may see everything
}

// NewAgent returns an agent as it is now, on the turn on which it may change.
func NewAgent(a *book.Agent) *Agent {
	return &Agent{
		of: a, revision: a.Revision(),
		ID: a.ID, Info: a.Info, PID: a.PID, Version: a.Version, Announced: a.Announced, Registered: a.Registered,
		Reregistered: a.Reregistered, Active: a.Active, Deactivation: a.Deactivation, Total: a.Total, Used: a.Used(), Offered: a.Offered(),
	}
}

// isCurrent reports whether the agent is still as it was.
func (a *Agent) isCurrent() bool {
	now := a.of
	return a.revision == now.Revision() && a.Active == now.Active && a.Deactivation == now.Deactivation && a.Info == now.Info && a.PID == now.PID &&
		a.Reregistered.Equal(now.Reregistered) && a.Registered.Equal(now.Registered) && a.Total.Is(now.Total) &&
		a.Version == now.Version && len(a.Announced) == len(now.Announced)
}

// Slaves is the body of /slaves: of the one agent if id is given.
func (c *Cluster) Slaves(id *ids.Agent) iter.Seq[[]byte] {
	return text(func(o object) {
		o.list("slaves", func(a array) {
			for _, agent := range c.Agents {
				if id == nil || agent.ID == *id {
					a.obj(func(o object) {
						agent.write(o)
						agent.writeFull(o)
					})
				}
			}
		})
		c.writeRecovered(o, id)
	})
}

func (c *Cluster) writeRecovered(o object, id *ids.Agent) {
	o.list("recovered_slaves", func(a array) {
		for _, info := range c.Recovered {
			if id == nil || ids.AgentOf(info.GetId()) == *id {
				a.obj(func(o object) { writeAgentInfo(o, info) })
			}
		}
	})
}

func writeAgentInfo(o object, info *mesospb.SlaveInfo) {
	o.str("id", info.GetId().GetValue())
	o.str("hostname", info.GetHostname())
	o.integer("port", int64(info.GetPort()))
	o.obj("attributes", func(o object) {
		for _, a := range info.GetAttributes() {
			writeAttribute(o, a)
		}
	})
	if info.Domain != nil {
		o.message("domain", info.Domain)
	}
}

func writeAttribute(o object, a *mesospb.Attribute) {
	switch a.GetType() {
	case mesospb.Value_SCALAR:
		o.num(a.GetName(), a.GetScalar().GetValue())
	case mesospb.Value_RANGES:
		var rs []resources.Range
		for _, r := range a.GetRanges().GetRange() {
			rs = append(rs, resources.Range{Begin: r.GetBegin(), End: r.GetEnd()})
		}
		o.str(a.GetName(), resources.RangesOf(rs...).String())
	case mesospb.Value_SET:
		o.str(a.GetName(), resources.SetOf(a.GetSet().GetItem()...).String())
	case mesospb.Value_TEXT:
		o.str(a.GetName(), a.GetText().GetValue())
	}
}

func (a *Agent) write(o object) {
	o.remembered(&a.memo, func(o object) {
		writeAgentInfo(o, a.Info)
		o.str("pid", a.PID.String())
		o.num("registered_time", seconds(a.Registered))
		if !a.Reregistered.IsZero() {
			o.num("reregistered_time", seconds(a.Reregistered))
		}
		writeResources(o, "resources", a.Total)
		writeResources(o, "used_resources", a.Used)
		writeResources(o, "offered_resources", a.Offered)
		o.obj("reserved_resources", func(o object) {
			for _, role := range a.seenRoles() {
				writeResources(o, role, a.Total.Reserved(role))
			}
		})
		writeResources(o, "unreserved_resources", a.Total.Unreserved())
		o.boolean("active", a.Active)
		o.boolean("deactivated", a.Deactivation.Deactivated)
		o.str("version", a.Version)
		o.list("capabilities", func(list array) {
			for _, c := range a.Announced {
				list.str(c.GetType().String())
			}
		})
		if a.Deactivation.Drain != nil {
			o.message("drain_info", a.Deactivation.Drain)
		}
		if !a.Deactivation.DrainStarted.IsZero() {
			o.num("estimated_drain_start_time_seconds", seconds(a.Deactivation.DrainStarted))
		}
	})
}

func (a *Agent) writeFull(o object) {
	o.obj("reserved_resources_full", func(o object) {
		for _, role := range a.seenRoles() {
			writeMessages(o, role, seen(a.may, a.Total.Reserved(role)))
		}
	})
	writeMessages(o, "unreserved_resources_full", seen(a.may, a.Total.Unreserved()))
	writeMessages(o, "used_resources_full", seen(a.may, a.Used))
	writeMessages(o, "offered_resources_full", seen(a.may, a.Offered))
}

// seenRoles are the roles that something is reserved for.
func (a *Agent) seenRoles() []string {
	return slices.DeleteFunc(a.Total.ReservationRoles(), func(role string) bool { return !authorizer.SeesRole(a.may, role) })
}

func writeMessages(o object, name string, rs resources.Resources) {
	o.list(name, func(a array) {
		for _, r := range rs.ForEndpoint() {
			a.message(r)
		}
	})
}
