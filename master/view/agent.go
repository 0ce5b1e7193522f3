package view

import (
	"iter"
	"slices"
	"time"

	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/messages/endpoint"
	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Agent is a snapshot of a registered agent.
type Agent struct {
	of       *book.Agent // only the mirror may use it
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
	Operations   []*mesospb.Operation // by UUID

	memo jsonwriter.Memo     // of the object in /state
	may  authorizer.Approver // of the reader; nil sees everything
}

// NewAgent returns a snapshot of a. It must be called on a turn on which a may change.
func NewAgent(a *book.Agent) *Agent {
	picture := &Agent{
		of: a, revision: a.Revision(),
		ID: a.ID, Info: a.Info, PID: a.PID, Version: a.Version, Announced: a.Announced, Registered: a.Registered,
		Reregistered: a.Reregistered, Active: a.Active, Deactivation: a.Deactivation, Total: a.Total, Used: a.Used(), Offered: a.Offered(),
	}
	for _, o := range a.Operations() {
		picture.Operations = append(picture.Operations, o.Described())
	}
	return picture
}

// isCurrent reports whether the agent has not changed since the snapshot.
func (a *Agent) isCurrent() bool {
	now := a.of
	return a.revision == now.Revision() && a.Active == now.Active && a.Deactivation == now.Deactivation && a.Info == now.Info && a.PID == now.PID &&
		a.Reregistered.Equal(now.Reregistered) && a.Registered.Equal(now.Registered) && a.Total.Is(now.Total) &&
		a.Version == now.Version && len(a.Announced) == len(now.Announced)
}

// Slaves returns the body of /slaves, restricted to one agent if id is not nil.
func (c *Cluster) Slaves(id *ids.Agent) iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		o.List("slaves", func(a array) {
			for _, agent := range c.Agents {
				if id == nil || agent.ID == *id {
					a.Obj(func(o object) {
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
	o.List("recovered_slaves", func(a array) {
		for _, info := range c.Recovered {
			if id == nil || ids.AgentOf(info.GetId()) == *id {
				a.Obj(func(o object) { writeAgentInfo(o, info) })
			}
		}
	})
}

func writeAgentInfo(o object, info *mesospb.SlaveInfo) {
	o.Str("id", info.GetId().GetValue())
	o.Str("hostname", info.GetHostname())
	o.Integer("port", int64(info.GetPort()))
	endpoint.Attributes(o, info.GetAttributes())
	if info.Domain != nil {
		o.Message("domain", info.Domain)
	}
}

func (a *Agent) write(o object) {
	o.Remembered(&a.memo, func(o object) {
		writeAgentInfo(o, a.Info)
		o.Str("pid", a.PID.String())
		o.Num("registered_time", endpoint.Seconds(a.Registered))
		if !a.Reregistered.IsZero() {
			o.Num("reregistered_time", endpoint.Seconds(a.Reregistered))
		}
		endpoint.Resources(o, "resources", a.Total)
		endpoint.Resources(o, "used_resources", a.Used)
		endpoint.Resources(o, "offered_resources", a.Offered)
		o.Obj("reserved_resources", func(o object) {
			for _, role := range a.seenRoles() {
				endpoint.Resources(o, role, a.Total.Reserved(role))
			}
		})
		endpoint.Resources(o, "unreserved_resources", a.Total.Unreserved())
		o.Boolean("active", a.Active)
		o.Boolean("deactivated", a.Deactivation.Deactivated)
		o.Str("version", a.Version)
		o.List("capabilities", func(list array) {
			for _, c := range a.Announced {
				list.Str(c.GetType().String())
			}
		})
		if a.Deactivation.Drain != nil {
			o.Message("drain_info", a.Deactivation.Drain)
		}
		if !a.Deactivation.DrainStarted.IsZero() {
			o.Num("estimated_drain_start_time_seconds", endpoint.Seconds(a.Deactivation.DrainStarted))
		}
	})
}

func (a *Agent) writeFull(o object) {
	o.Obj("reserved_resources_full", func(o object) {
		for _, role := range a.seenRoles() {
			endpoint.ResourcesFull(o, role, seen(a.may, a.Total.Reserved(role)))
		}
	})
	endpoint.ResourcesFull(o, "unreserved_resources_full", seen(a.may, a.Total.Unreserved()))
	endpoint.ResourcesFull(o, "used_resources_full", seen(a.may, a.Used))
	endpoint.ResourcesFull(o, "offered_resources_full", seen(a.may, a.Offered))
}

// seenRoles returns the roles that resources are reserved to.
func (a *Agent) seenRoles() []string {
	return slices.DeleteFunc(a.Total.ReservationRoles(), func(role string) bool { return !authorizer.SeesRole(a.may, role) })
}
