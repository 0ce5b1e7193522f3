package view

import (
	"iter"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
)

// Summary returns the body of /state-summary: the cluster with numbers of tasks instead of tasks.
//
// Mesos: Master::ReadOnlyHandler::stateSummary.
func (c *Cluster) Summary() iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		o.Str("hostname", c.Info.GetHostname())
		if c.Master.Cluster != "" {
			o.Str("cluster", c.Master.Cluster)
		}
		counts := c.everything().count()
		o.List("slaves", func(a array) {
			for _, agent := range c.Agents {
				a.Obj(func(o object) {
					agent.write(o)
					counts.agents[agent.ID].write(o)
				})
			}
		})
		o.List("frameworks", func(a array) {
			for _, f := range c.Frameworks {
				a.Obj(func(o object) {
					f.writeSummary(o)
					counts.frameworks[f.ID].write(o)
				})
			}
		})
	})
}

// counts holds numbers of tasks by state, agent and framework.
type counts struct {
	agents     map[ids.Agent]*tally
	frameworks map[ids.Framework]*tally
}

// tally counts tasks by state, and collects the agents or frameworks that they belong to.
type tally struct {
	states [int(mesospb.TaskState_TASK_UNKNOWN) + 1]int
	listed string // the name of that list
	others []string
}

func (c *Cluster) count() counts {
	all := counts{map[ids.Agent]*tally{}, map[ids.Framework]*tally{}}
	for _, a := range c.Agents {
		all.agents[a.ID] = &tally{listed: "framework_ids"}
	}
	for _, f := range c.Frameworks {
		of := &tally{listed: "slave_ids"}
		all.frameworks[f.ID] = of
		on := map[ids.Agent]bool{}
		for t := range f.All() {
			of.add(t.State)
			here := all.agents[t.Agent]
			if here != nil {
				here.add(t.State)
			}
			if !on[t.Agent] {
				on[t.Agent] = true
				of.others = append(of.others, string(t.Agent))
				if here != nil {
					here.others = append(here.others, string(f.ID))
				}
			}
		}
		slices.SortFunc(of.others, compareIDs)
	}
	return all
}

func (t *tally) add(s mesospb.TaskState) {
	if s >= 0 && int(s) < len(t.states) {
		t.states[s]++
	}
}

// summarized lists the states that are counted, in the order of their fields.
var summarized = []mesospb.TaskState{
	mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_STARTING, mesospb.TaskState_TASK_RUNNING,
	mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_KILLED,
	mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_LOST, mesospb.TaskState_TASK_ERROR,
	mesospb.TaskState_TASK_UNREACHABLE,
}

func (t *tally) write(o object) {
	for _, s := range summarized {
		o.Integer(s.String(), int64(t.states[s]))
	}
	o.Strs(t.listed, t.others)
}
