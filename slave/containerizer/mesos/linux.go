package mesos

import (
	"fmt"
	"path"
	"strings"
	"sync"

	"meseta/messages/ids"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/forker"
)

// Tree is where the control groups of containers are.
type Tree struct {
	Base string // where the hierarchies are (--cgroups_hierarchy)
	Root string // the group of all that is Mesos's in each (--cgroups_root)
}

// separator is the name of the group around the groups of nested containers.
const separator = "mesos"

// leaf is the name of the group with the processes of a container in version 2, where no group has both processes and
// groups in it.
const leaf = "leaf"

// Group returns the group of a container in a hierarchy: <root>/<id>, and <root>/<id>/mesos/<nested> for nested ones.
//
// Mesos: containerizer::paths::buildPath, cgroups2 paths.
func (t Tree) Group(h cgroups.Hierarchy, id ids.Container) cgroups.Group {
	return cgroups.Group{Hierarchy: h, Name: path.Join(t.Root, strings.ReplaceAll(string(id), ".", "/"+separator+"/"))}
}

// Processes returns the group with the processes of a container, which is in that of the container.
func Processes(g cgroups.Group) cgroups.Group {
	if g.Version == cgroups.V2 {
		return g.Child(leaf)
	}
	return g
}

// Groups returns the containers that have groups in a hierarchy, each after its parent.
//
// Mesos: containerizer::paths::parseCgroupPath.
func (t Tree) Groups(h cgroups.Hierarchy) ([]ids.Container, error) {
	return t.inside(cgroups.Group{Hierarchy: h, Name: t.Root}, "")
}

func (t Tree) inside(g cgroups.Group, parent ids.Container) ([]ids.Container, error) {
	children, err := g.Children()
	if err != nil {
		return nil, err
	}
	var all []ids.Container
	for _, child := range children {
		id := ids.Container(path.Base(child.Name))
		if parent == "" && reserved(string(id)) {
			continue
		}
		if parent != "" {
			id = parent + "." + id
		}
		nested, err := t.inside(child.Child(separator), id)
		if err != nil {
			return nil, err
		}
		all = append(append(all, id), nested...)
	}
	return all, nil
}

// reserved reports whether a group below the root is not that of a container: the agent is in slave or agent.
func reserved(name string) bool { return name == "slave" || name == "agent" }

// linux is a [Launcher] with a control group for each container, in the hierarchy in which the kernel can freeze and kill
// groups. Destroy kills everything in the group, so that no process escapes.
//
// Mesos: LinuxLauncher.
type linux struct {
	posix
	tree      Tree
	hierarchy cgroups.Hierarchy
	destroyer cgroups.Destroyer

	mu      sync.Mutex
	grouped map[ids.Container]bool // containers whose group was made by this agent, or found
}

// newLinux returns the launcher.
//
// Mesos: LinuxLauncher::create.
func newLinux(p posix, t Tree, d cgroups.Destroyer) (*linux, error) {
	h, err := cgroups.Kernel(t.Base)
	if err != nil {
		return nil, fmt.Errorf("Failed to create launcher: the linux launcher needs the freezer subsystem, or control groups of version 2: %w", err)
	}
	d.Spare = p.forker.Is
	if err := (cgroups.Group{Hierarchy: h, Name: t.Root}).Make(); err != nil {
		return nil, fmt.Errorf("Failed to create launcher: Failed to create Linux launcher: Failed to create cgroup: %w", err)
	}
	return &linux{posix: p, tree: t, hierarchy: h, destroyer: d, grouped: map[ids.Container]bool{}}, nil
}

// Fork implements [Launcher].
func (l *linux) Fork(c *Container, cmd forker.Command) (forker.Process, error) {
	g := l.tree.Group(l.hierarchy, c.ID)
	inner := Processes(g)
	if err := inner.Make(); err != nil {
		return forker.Process{}, fmt.Errorf("Failed to create cgroup: %w", err)
	}
	for _, other := range c.Groups {
		enter(&cmd, Processes(other))
	}
	if l.hierarchy.Version == cgroups.V1 || cmd.Unified == "" {
		enter(&cmd, inner)
	}
	p, err := l.forker.Fork(cmd)
	if err != nil {
		_ = l.destroyer.Destroy(g) // nothing is in it
		return p, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grouped[c.ID] = true
	return p, nil
}

// enter has a process begin in a group.
func enter(cmd *forker.Command, g cgroups.Group) {
	if g.Version == cgroups.V2 {
		cmd.Unified = g.Path()
		return
	}
	cmd.Groups = append(cmd.Groups, path.Join(g.Path(), "tasks"))
}

// Destroy implements [Launcher].
func (l *linux) Destroy(c *Container, pid int, ended bool) error {
	g := l.tree.Group(l.hierarchy, c.ID)
	if !l.has(c.ID, g) { // it is of an agent with another launcher
		return l.posix.Destroy(c, pid, ended)
	}
	if err := l.destroyer.Destroy(g); err != nil {
		return fmt.Errorf("Failed to kill all processes in the container: %w", err)
	}
	if ended {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.grouped, c.ID)
	}
	return nil
}

// has reports whether a container has, or had, a group.
func (l *linux) has(id ids.Container, g cgroups.Group) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.grouped[id] && g.Exists() {
		l.grouped[id] = true
	}
	return l.grouped[id]
}

// Recover implements [Launcher]. It destroys the groups of containers that are not kept, and then what an agent with another
// launcher left.
//
// Mesos: LinuxLauncherProcess::recover.
func (l *linux) Recover(kept map[ids.Container]string) error {
	all, err := l.tree.Groups(l.hierarchy)
	if err != nil {
		return fmt.Errorf("Failed to get cgroups: %w", err)
	}
	for _, id := range all {
		if _, found := kept[id]; found {
			continue
		}
		if err := l.destroyer.Destroy(l.tree.Group(l.hierarchy, id)); err != nil {
			return fmt.Errorf("Failed to destroy the orphan container %s: %w", id, err)
		}
	}
	return l.posix.Recover(kept)
}
