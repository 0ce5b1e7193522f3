package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Agent says which groups the agent itself is to be in, apart from its containers.
type Agent struct {
	Base       string   // where the hierarchies are (--cgroups_hierarchy)
	Root       string   // the group of all that is Mesos's in each hierarchy (--cgroups_root)
	Subsystems []string // of the groups (--agent_subsystems); none means that the agent stays where it is
}

// ParseSubsystems returns the subsystems in a list that commas separate.
func ParseSubsystems(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// Enter makes the groups and moves a process into them: slave below the root in hierarchies of version 1, agent/leaf in one
// of version 2, whose controllers it makes available to the root. It returns what others the groups hold, for people: an
// agent may still be running, or something that it has started.
//
// Mesos: initializeCgroups, initializeCgroups2.
func (a Agent) Enter(pid int) (others []string, err error) {
	var entered []Group
	for _, subsystem := range a.Subsystems {
		h, err := Find(a.Base, subsystem)
		if err != nil {
			return nil, fmt.Errorf("agent_subsystems: %w", err)
		}
		g := a.group(h)
		if h.Version == V2 {
			if err := (Group{h, "."}).Enable(subsystem); err != nil {
				return nil, fmt.Errorf("agent_subsystems: %w", err)
			}
		}
		if slices.Contains(entered, g) {
			continue
		}
		entered = append(entered, g)
		found, err := g.enter(pid)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; start the agent as root, or without --agent_subsystems", err)
		}
		if err != nil {
			return nil, fmt.Errorf("Failed to move agent into cgroup %s for subsystem %s under hierarchy %s for agent: %w", g.Name, subsystem, h.Path, err)
		}
		others = append(others, found...)
	}
	return others, nil
}

func (a Agent) group(h Hierarchy) Group {
	if h.Version == V2 {
		return Group{h, path.Join(a.Root, "agent/leaf")}
	}
	return Group{h, path.Join(a.Root, "slave")}
}

// enter makes a group and moves a process into it.
func (g Group) enter(pid int) (others []string, err error) {
	if err := g.Make(); err != nil {
		return nil, err
	}
	found, err := g.Processes()
	if err != nil {
		return nil, err
	}
	for _, other := range found {
		if other != pid {
			others = append(others, fmt.Sprintf("An agent (or child process) is still running, please consider checking process %d in %s", other, g.Path()))
		}
	}
	return others, g.Add(pid)
}
