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
	"maps"
	"slices"
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/version"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
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
func (c *Cluster) State() iter.Seq[[]byte] {
	return text(func(o object) {
		c.writeMaster(o)
		if authorizer.SeesFlags(c.may) {
			c.writeConfiguration(o)
		}
		o.list("slaves", func(a array) {
			for _, agent := range c.Agents {
				a.obj(func(o object) { agent.write(o) })
			}
		})
		c.writeRecovered(o, nil)
		o.list("frameworks", func(a array) { writeFrameworks(a, c.Frameworks, nil) })
		o.list("completed_frameworks", func(a array) { writeFrameworks(a, c.Completed, nil) })
		o.list("orphan_tasks", func(array) {})
		o.list("unregistered_frameworks", func(array) {})
	})
}

func (c *Cluster) writeMaster(o object) {
	o.str("version", c.Build.Version)
	if c.Build.GitSHA != "" {
		o.str("git_sha", c.Build.GitSHA)
	}
	o.str("build_date", c.Build.Date)
	o.num("build_time", c.Build.Time)
	o.str("build_user", c.Build.User)
	o.num("start_time", seconds(c.Started))
	if !c.Elected.IsZero() {
		o.num("elected_time", seconds(c.Elected))
	}
	o.str("id", c.Info.GetId())
	o.str("pid", c.Info.GetPid())
	o.str("hostname", c.Info.GetHostname())
	o.list("capabilities", func(a array) {
		for _, capability := range c.Info.GetCapabilities() {
			a.str(capability.GetType().String())
		}
	})
	c.writeCounts(o)
	if c.Info.Domain != nil {
		o.message("domain", c.Info.Domain)
	}
	if c.Leader != nil {
		o.str("leader", c.Leader.GetPid())
		o.obj("leader_info", func(o object) { writeMasterInfo(o, c.Leader) })
	}
}

// writeConfiguration writes how the master was started.
func (c *Cluster) writeConfiguration(o object) {
	if c.Master.Cluster != "" {
		o.str("cluster", c.Master.Cluster)
	}
	for _, flag := range []string{"log_dir", "external_log_file"} {
		if v, ok := c.Flags[flag]; ok {
			o.str(flag, v)
		}
	}
	writeFlags(o, c.Flags)
}

func (c *Cluster) writeCounts(o object) {
	active := 0
	for _, a := range c.Agents {
		if a.Active {
			active++
		}
	}
	o.num("activated_slaves", float64(active))
	o.num("deactivated_slaves", float64(len(c.Agents)-active))
	o.num("unreachable_slaves", float64(c.Unreachable))
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

// seconds is a point in time as Mesos writes it; the zero time is 0.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}
