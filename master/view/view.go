// Package view writes the contents of the master's book as the JSON and protobuf of Mesos's endpoints: the same fields,
// in the same order, of the same types.
//
// A [Mirror] keeps a snapshot of the book. [Mirror.Look], which is called on the master's turn, costs as much as has
// changed since the previous look. It returns a [Cluster], which never changes: its texts are written outside the
// master's turns, piece by piece as clients read them. The text of an unchanged task or agent is kept from the second
// time on.
package view

import (
	"iter"
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/version"
	"meseta/messages/endpoint"
	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
)

type (
	object = jsonwriter.Object
	array  = jsonwriter.Array
)

// Cluster is what the leading master knew at one moment. It may be read by any goroutine.
type Cluster struct {
	Master
	Agents      []*Agent
	Recovered   []*mesospb.SlaveInfo // agents in the registry that have yet to re-register
	Unreachable int                  // number of unreachable agents
	Frameworks  []*Framework
	Completed   []*Framework // oldest first

	may   authorizer.Approver // of the reader; nil sees everything
	whole *Cluster            // nil if this is the whole cluster
}

// Framework returns the registered framework with that ID, or nil.
func (c *Cluster) Framework(id ids.Framework) *Framework {
	for _, f := range c.Frameworks {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// Master is the part of the state about the master itself.
type Master struct {
	Info    *mesospb.MasterInfo
	Leader  *mesospb.MasterInfo // nil if nobody leads
	Build   version.Build
	Started time.Time
	Elected time.Time // zero if it never was
	Cluster string
	Flags   map[string]string
	Weights map[string]float64
	Quotas  []*quotapb.QuotaConfig // by role

	Whitelist []string // the allowed roles; nil if all are allowed
}

// Flags returns the body of /flags.
func Flags(flags map[string]string) []byte {
	return jsonwriter.Bytes(func(o object) { endpoint.Flags(o, flags) })
}

// State returns the body of /state.
func (c *Cluster) State() iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		c.writeMaster(o)
		if authorizer.SeesFlags(c.may) {
			c.writeConfiguration(o)
		}
		o.List("slaves", func(a array) {
			for _, agent := range c.Agents {
				a.Obj(func(o object) { agent.write(o) })
			}
		})
		c.writeRecovered(o, nil)
		o.List("frameworks", func(a array) { writeFrameworks(a, c.Frameworks, nil) })
		o.List("completed_frameworks", func(a array) { writeFrameworks(a, c.Completed, nil) })
		o.List("orphan_tasks", func(array) {})
		o.List("unregistered_frameworks", func(array) {})
	})
}

func (c *Cluster) writeMaster(o object) {
	o.Str("version", c.Build.Version)
	if c.Build.GitSHA != "" {
		o.Str("git_sha", c.Build.GitSHA)
	}
	o.Str("build_date", c.Build.Date)
	o.Num("build_time", c.Build.Time)
	o.Str("build_user", c.Build.User)
	o.Num("start_time", endpoint.Seconds(c.Started))
	if !c.Elected.IsZero() {
		o.Num("elected_time", endpoint.Seconds(c.Elected))
	}
	o.Str("id", c.Info.GetId())
	o.Str("pid", c.Info.GetPid())
	o.Str("hostname", c.Info.GetHostname())
	o.List("capabilities", func(a array) {
		for _, capability := range c.Info.GetCapabilities() {
			a.Str(capability.GetType().String())
		}
	})
	c.writeCounts(o)
	if c.Info.Domain != nil {
		o.Message("domain", c.Info.Domain)
	}
	if c.Leader != nil {
		o.Str("leader", c.Leader.GetPid())
		o.Obj("leader_info", func(o object) { writeMasterInfo(o, c.Leader) })
	}
}

// writeConfiguration writes how the master was started.
func (c *Cluster) writeConfiguration(o object) {
	if c.Master.Cluster != "" {
		o.Str("cluster", c.Master.Cluster)
	}
	for _, flag := range []string{"log_dir", "external_log_file"} {
		if v, ok := c.Flags[flag]; ok {
			o.Str(flag, v)
		}
	}
	endpoint.Flags(o, c.Flags)
}

func (c *Cluster) writeCounts(o object) {
	active := 0
	for _, a := range c.Agents {
		if a.Active {
			active++
		}
	}
	o.Num("activated_slaves", float64(active))
	o.Num("deactivated_slaves", float64(len(c.Agents)-active))
	o.Num("unreachable_slaves", float64(c.Unreachable))
}

func writeMasterInfo(o object, info *mesospb.MasterInfo) {
	o.Str("id", info.GetId())
	o.Str("pid", info.GetPid())
	o.Integer("port", int64(info.GetPort()))
	o.Str("hostname", info.GetHostname())
	if info.Domain != nil {
		o.Message("domain", info.Domain)
	}
}
