// Package view shows the master's book to people and their tools, as the JSON of Mesos's endpoints: the same fields, in
// the same order, of the same types.
//
// Its functions are pure; the master calls them on its turn.
package view

import (
	"maps"
	"slices"
	"time"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// Master is what the endpoints say of the master itself.
type Master struct {
	Info    *mesospb.MasterInfo
	Leader  *mesospb.MasterInfo // nil: nobody leads
	Version Version
	Started time.Time
	Elected time.Time // zero: never
	Cluster string
	Flags   map[string]string
	Weights map[string]float64
}

// Version describes the program.
type Version struct {
	Version, GitSHA, BuildDate, BuildUser string
	BuildTime                             float64
}

// JSON is the body of /version.
func (v Version) JSON() []byte {
	return write(func(o object) {
		o.str("build_date", v.BuildDate)
		o.num("build_time", v.BuildTime)
		o.str("build_user", v.BuildUser)
		if v.GitSHA != "" {
			o.str("git_sha", v.GitSHA)
		}
		o.str("version", v.Version)
	})
}

// Flags is the body of /flags.
func Flags(flags map[string]string) []byte {
	return write(func(o object) { writeFlags(o, flags) })
}

func writeFlags(o object, flags map[string]string) {
	o.obj("flags", func(o object) {
		for _, name := range slices.Sorted(maps.Keys(flags)) {
			o.str(name, flags[name])
		}
	})
}

// State is the body of /state.
func State(m Master, b *book.Book) []byte {
	return write(func(o object) {
		m.write(o, b)
		writeFlags(o, m.Flags)
		o.list("slaves", func(a array) {
			for _, agent := range b.Agents() {
				a.obj(func(o object) { writeAgent(o, agent) })
			}
		})
		writeRecovered(o, b)
		o.list("frameworks", func(a array) { writeFrameworks(a, b.Frameworks()) })
		o.list("completed_frameworks", func(a array) { writeFrameworks(a, b.CompletedFrameworks()) })
		o.list("orphan_tasks", func(array) {})
		o.list("unregistered_frameworks", func(array) {})
	})
}

func (m Master) write(o object, b *book.Book) {
	o.str("version", m.Version.Version)
	if m.Version.GitSHA != "" {
		o.str("git_sha", m.Version.GitSHA)
	}
	o.str("build_date", m.Version.BuildDate)
	o.num("build_time", m.Version.BuildTime)
	o.str("build_user", m.Version.BuildUser)
	o.num("start_time", seconds(m.Started))
	if !m.Elected.IsZero() {
		o.num("elected_time", seconds(m.Elected))
	}
	o.str("id", m.Info.GetId())
	o.str("pid", m.Info.GetPid())
	o.str("hostname", m.Info.GetHostname())
	o.list("capabilities", func(a array) {
		for _, c := range m.Info.GetCapabilities() {
			a.str(c.GetType().String())
		}
	})
	m.writeCounts(o, b)
	if m.Info.Domain != nil {
		o.message("domain", m.Info.Domain)
	}
	if m.Leader != nil {
		o.str("leader", m.Leader.GetPid())
		o.obj("leader_info", func(o object) { writeMasterInfo(o, m.Leader) })
	}
	if m.Cluster != "" {
		o.str("cluster", m.Cluster)
	}
	for _, flag := range []string{"log_dir", "external_log_file"} {
		if v, ok := m.Flags[flag]; ok {
			o.str(flag, v)
		}
	}
}

func (m Master) writeCounts(o object, b *book.Book) {
	active := 0
	for _, a := range b.Agents() {
		if a.Active {
			active++
		}
	}
	o.num("activated_slaves", float64(active))
	o.num("deactivated_slaves", float64(b.NumAgents()-active))
	o.num("unreachable_slaves", float64(b.NumUnreachable()))
}

func writeMasterInfo(o object, info *mesospb.MasterInfo) {
	o.str("id", info.GetId())
	o.str("pid", info.GetPid())
	o.integer("port", int64(info.GetPort()))
	o.str("hostname", info.GetHostname())
	if info.Domain != nil {
		o.message("domain", info.Domain)
	}
}

// ---- agents ----

// Agents is the body of /slaves: of the one agent if id is not empty.
func Agents(b *book.Book, id ids.Agent) []byte {
	return write(func(o object) {
		o.list("slaves", func(a array) {
			for _, agent := range b.Agents() {
				if id == "" || agent.ID == id {
					a.obj(func(o object) {
						writeAgent(o, agent)
						writeFull(o, agent)
					})
				}
			}
		})
		writeRecovered(o, b)
	})
}

func writeRecovered(o object, b *book.Book) {
	o.list("recovered_slaves", func(a array) {
		for _, info := range b.AllRecovered() {
			a.obj(func(o object) { writeAgentInfo(o, info) })
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

func writeAgent(o object, a *book.Agent) {
	writeAgentInfo(o, a.Info)
	o.str("pid", a.PID.String())
	o.num("registered_time", seconds(a.Registered))
	if !a.Reregistered.IsZero() {
		o.num("reregistered_time", seconds(a.Reregistered))
	}
	writeResources(o, "resources", a.Total)
	writeResources(o, "used_resources", a.Used())
	writeResources(o, "offered_resources", a.Offered())
	o.obj("reserved_resources", func(o object) {
		for _, role := range a.Total.ReservationRoles() {
			writeResources(o, role, a.Total.Reserved(role))
		}
	})
	writeResources(o, "unreserved_resources", a.Total.Unreserved())
	o.boolean("active", a.Active)
	o.boolean("deactivated", false)
	o.str("version", a.Version)
	o.list("capabilities", func(list array) {
		for _, c := range a.Announced {
			list.str(c.GetType().String())
		}
	})
}

func writeFull(o object, a *book.Agent) {
	o.obj("reserved_resources_full", func(o object) {
		for _, role := range a.Total.ReservationRoles() {
			writeMessages(o, role, a.Total.Reserved(role))
		}
	})
	writeMessages(o, "unreserved_resources_full", a.Total.Unreserved())
	writeMessages(o, "used_resources_full", a.Used())
	writeMessages(o, "offered_resources_full", a.Offered())
}

func writeMessages(o object, name string, rs resources.Resources) {
	o.list(name, func(a array) {
		for _, r := range rs.ForEndpoint() {
			a.message(r)
		}
	})
}

// ---- frameworks ----

// Frameworks is the body of /frameworks: of the one framework if id is not empty.
func Frameworks(b *book.Book, id ids.Framework) []byte {
	selected := func(all []*book.Framework) []*book.Framework {
		return slices.DeleteFunc(all, func(f *book.Framework) bool { return id != "" && f.ID != id })
	}
	return write(func(o object) {
		o.list("frameworks", func(a array) { writeFrameworks(a, selected(b.Frameworks())) })
		o.list("completed_frameworks", func(a array) { writeFrameworks(a, selected(b.CompletedFrameworks())) })
		o.list("unregistered_frameworks", func(array) {})
	})
}

func writeFrameworks(a array, frameworks []*book.Framework) {
	for _, f := range frameworks {
		a.obj(func(o object) { writeFramework(o, f) })
	}
}

func writeFramework(o object, f *book.Framework) {
	writeFrameworkSummary(o, f)
	o.str("user", f.Info.GetUser())
	o.num("failover_timeout", f.Info.GetFailoverTimeout())
	o.boolean("checkpoint", f.Info.GetCheckpoint())
	o.num("registered_time", seconds(f.Registered))
	o.num("unregistered_time", seconds(f.Unregistered))
	if f.Info.Principal != nil {
		o.str("principal", f.Info.GetPrincipal())
	}
	writeResources(o, "resources", f.Used().Plus(f.Offered()))
	if !f.Reregistered.Equal(f.Registered) {
		o.num("reregistered_time", seconds(f.Reregistered))
	}
	if f.Capabilities.MultiRole {
		o.strs("roles", f.Roles)
	} else {
		o.str("role", f.Roles[0])
	}
	writeTasks(o, "tasks", f.Tasks())
	writeTasks(o, "unreachable_tasks", f.UnreachableTasks())
	writeTasks(o, "completed_tasks", f.CompletedTasks())
	o.list("offers", func(a array) {
		for _, offer := range f.Offers() {
			a.obj(func(o object) { writeOffer(o, offer) })
		}
	})
	o.list("executors", func(a array) {
		for _, e := range f.Executors() {
			a.obj(func(o object) { writeExecutor(o, e) })
		}
	})
	if f.Info.Labels != nil {
		writeLabels(o, f.Info.Labels)
	}
	o.obj("offer_constraints", func(object) {})
}

func writeFrameworkSummary(o object, f *book.Framework) {
	o.str("id", string(f.ID))
	o.str("name", f.Info.GetName())
	if !f.PID.IsZero() {
		o.str("pid", f.PID.String())
	}
	writeResources(o, "used_resources", f.Used())
	writeResources(o, "offered_resources", f.Offered())
	o.list("capabilities", func(a array) {
		for _, c := range f.Info.GetCapabilities() {
			a.str(c.GetType().String())
		}
	})
	o.str("hostname", f.Info.GetHostname())
	o.str("webui_url", f.Info.GetWebuiUrl())
	o.boolean("active", f.IsActive())
	o.boolean("connected", f.Connected())
	o.boolean("recovered", f.State == book.Recovered)
}

func writeOffer(o object, offer *book.Offer) {
	o.str("id", string(offer.ID))
	o.str("framework_id", string(offer.Framework))
	o.obj("allocation_info", func(o object) { o.str("role", offer.Role) })
	o.str("slave_id", string(offer.Agent))
	writeResources(o, "resources", offer.Resources)
}

// ---- roles ----

// Roles is the body of /roles.
func Roles(m Master, b *book.Book) []byte {
	return write(func(o object) {
		o.list("roles", func(a array) {
			for _, role := range knownRoles(m, b) {
				a.obj(func(o object) { m.writeRole(o, b, role) })
			}
		})
	})
}

// knownRoles are those that frameworks subscribe to, and those that have weights or reservations.
//
// Mesos: Master::knownRoles.
func knownRoles(m Master, b *book.Book) []string {
	known := map[string]struct{}{}
	for _, role := range b.Roles() {
		known[role] = struct{}{}
	}
	for role := range m.Weights {
		known[role] = struct{}{}
	}
	for _, a := range b.Agents() {
		for _, role := range a.Total.ReservationRoles() {
			known[role] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(known))
}

func (m Master) writeRole(o object, b *book.Book, role string) {
	var allocated, offered, reserved resources.Resources
	for _, f := range b.Frameworks() {
		allocated = allocated.Plus(f.Used().AllocatedTo(role))
		offered = offered.Plus(f.Offered().AllocatedTo(role))
	}
	for _, a := range b.Agents() {
		reserved = reserved.Plus(a.Total.Reserved(role))
	}
	weight, ok := m.Weights[role]
	if !ok {
		weight = 1
	}
	o.str("name", role)
	o.num("weight", weight)
	o.obj("quota", func(o object) {
		o.str("role", role)
		o.obj("guarantee", func(object) {})
		o.obj("limit", func(object) {})
		writeQuantities(o, "consumed", allocated.Plus(reserved.Minus(allocated.Unallocate())))
	})
	writeQuantities(o, "resources", allocated.Plus(offered))
	writeQuantities(o, "allocated", allocated)
	writeQuantities(o, "offered", offered)
	writeQuantities(o, "reserved", reserved)
	o.list("frameworks", func(a array) {
		for _, f := range b.FrameworksIn(role) {
			a.str(string(f.ID))
		}
	})
}

func writeQuantities(o object, name string, rs resources.Resources) {
	o.obj(name, func(o object) {
		for resource, amount := range rs.Quantities().All() {
			o.num(resource, amount.Float())
		}
	})
}

// seconds is a point in time as Mesos writes it; the zero time is 0.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}
