// Package view shows the master's book to people and their tools, as the JSON and the protobufs of Mesos's endpoints:
// the same fields, in the same order, of the same types.
//
// A [Mirror] keeps a picture of the book. [Mirror.Look], on the master's turn, costs as much as has changed since the
// last look, and returns a [Cluster], which never changes: its texts are drawn beside the master, piece by piece as
// clients take them, and however many clients look, the master goes on. What a text says of a task or an agent is kept
// from the second time on, for as long as it stays true.
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
)

type (
	object = jsonwriter.Object
	array  = jsonwriter.Array
)

// Cluster is what the leading master knew at one moment. It can be read anywhere.
type Cluster struct {
	Master
	Agents      []*Agent
	Recovered   []*mesospb.SlaveInfo // agents in the registry that have yet to re-register
	Unreachable int                  // agents
	Frameworks  []*Framework
	Completed   []*Framework // oldest first

	may   authorizer.Approver // who looks; nil: somebody who may see everything
	whole *Cluster            // nil: this is all
}

// Framework returns the registered framework of that id, or nil.
func (c *Cluster) Framework(id ids.Framework) *Framework {
	for _, f := range c.Frameworks {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// Master is what the endpoints say of the master itself.
type Master struct {
	Info    *mesospb.MasterInfo
	Leader  *mesospb.MasterInfo // nil: nobody leads
	Build   version.Build
	Started time.Time
	Elected time.Time // zero: never
	Cluster string
	Flags   map[string]string
	Weights map[string]float64

	Whitelist []string // the only roles that there are; nil: any
}

// Flags is the body of /flags.
func Flags(flags map[string]string) []byte {
	return jsonwriter.Bytes(func(o object) { endpoint.Flags(o, flags) })
}

// State is the body of /state.
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
