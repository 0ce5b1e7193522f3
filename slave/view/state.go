package view

import (
	"iter"

	"meseta/actors/authorizer"
	"meseta/messages/capabilities"
	"meseta/messages/endpoint"
	"meseta/messages/jsonwriter"
	"meseta/messages/resources"
)

// Flags returns the body of /flags.
func Flags(flags map[string]string) []byte {
	return jsonwriter.Bytes(func(o object) { endpoint.Flags(o, flags) })
}

// State returns the body of /state.
//
// Mesos: Slave::Http::state.
func (a *Agent) State() iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		a.writeSelf(o)
		a.writeResources(o)
		o.List("resource_providers", func(array) {})
		endpoint.Attributes(o, a.Info.GetAttributes())
		if hostname := a.Leader.GetHostname(); hostname != "" {
			o.Str("master_hostname", hostname)
		}
		if authorizer.SeesFlags(a.may) {
			a.writeConfiguration(o)
		}
		o.List("frameworks", func(list array) { writeFrameworks(list, a.Frameworks) })
		o.List("completed_frameworks", func(list array) { writeFrameworks(list, a.Completed) })
	})
}

func (a *Agent) writeSelf(o object) {
	o.Str("version", a.Version)
	if a.Build.GitSHA != "" {
		o.Str("git_sha", a.Build.GitSHA)
	}
	o.Str("build_date", a.Build.Date)
	o.Num("build_time", a.Build.Time)
	o.Str("build_user", a.Build.User)
	o.Num("start_time", endpoint.Seconds(a.Started))
	o.Str("id", a.Info.GetId().GetValue())
	o.Str("pid", a.PID.String())
	o.Str("hostname", a.Info.GetHostname())
	o.List("capabilities", func(list array) {
		for _, c := range a.Capabilities {
			list.Str(c.GetType().String())
		}
	})
	if a.Info.Domain != nil {
		o.Message("domain", a.Info.Domain)
	}
	if a.Drain.Config() != nil {
		o.Message("drain_config", a.Drain.Config())
		if !a.Drain.Started().IsZero() {
			o.Integer("estimated_drain_start_time_seconds", a.Drain.Started().Unix())
		}
	}
}

// writeResources writes the agent's resources and the part of them that executors use.
func (a *Agent) writeResources(o object) {
	total, used := a.Total, a.used()
	endpoint.Resources(o, "resources", total)
	a.byRole(o, "reserved_resources", total, endpoint.Resources)
	endpoint.Resources(o, "unreserved_resources", total.Unreserved())
	a.byRole(o, "reserved_resources_full", total, endpoint.ResourcesFull)
	endpoint.ResourcesFull(o, "unreserved_resources_full", total.Unreserved())
	a.byRole(o, "reserved_resources_allocated", used, endpoint.Resources)
	endpoint.Resources(o, "unreserved_resources_allocated", used.Unreserved())
}

// byRole writes the field name with the resources that are reserved to each role that may be seen. write writes those
// of one role.
func (a *Agent) byRole(o object, name string, rs resources.Resources, write func(object, string, resources.Resources)) {
	o.Obj(name, func(o object) {
		for _, role := range a.seenRoles(rs) {
			write(o, role, rs.Reserved(role))
		}
	})
}

// writeConfiguration writes how the agent was started.
func (a *Agent) writeConfiguration(o object) {
	for _, flag := range []string{"log_dir", "external_log_file"} {
		if v := a.Flags[flag]; v != "" {
			o.Str(flag, v)
		}
	}
	endpoint.Flags(o, a.Flags)
}

func writeFrameworks(list array, frameworks []*Framework) {
	for _, f := range frameworks {
		list.Obj(f.write)
	}
}

func (f *Framework) write(o object) {
	o.Str("id", f.Info.GetId().GetValue())
	o.Str("name", f.Info.GetName())
	o.Str("user", f.Info.GetUser())
	o.Num("failover_timeout", f.Info.GetFailoverTimeout())
	o.Boolean("checkpoint", f.Info.GetCheckpoint())
	o.Str("hostname", f.Info.GetHostname())
	if f.Info.Principal != nil {
		o.Str("principal", f.Info.GetPrincipal())
	}
	if capabilities.OfFramework(f.Info).MultiRole {
		o.Strs("roles", f.Info.GetRoles())
	} else {
		o.Str("role", f.Info.GetRole())
	}
	o.List("executors", func(list array) { writeExecutors(list, f.Executors) })
	o.List("completed_executors", func(list array) { writeExecutors(list, f.Completed) })
}
