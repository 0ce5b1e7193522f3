// Package subsystems implements the isolators cgroups/cpu, cgroups/mem and so on: each container gets a control group in the
// hierarchy of each subsystem, with the container's limits.
//
// It works with hierarchies of version 1, of version 2, and with both ("hybrid"): each subsystem is used where the system
// has it. A nested container shares the groups of its parent unless it asks for its own; debug containers always do.
//
// Mesos: CgroupsIsolatorProcess, Cgroups2IsolatorProcess.
package subsystems

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos"
)

// Options are how an agent limits its containers.
type Options struct {
	Tree                                // where the groups are
	CFS         bool                    // a container without a limit gets no more processors than it requests (--cgroups_enable_cfs)
	LimitSwap   bool                    // memory limits include swap (--cgroups_limit_swap)
	Count       bool                    // statistics have the numbers of processes and threads (--cgroups_cpu_enable_pids_and_tids_count)
	LowPriority bool                    // revocable processors have a low priority (--revocable_cpu_low_priority)
	Devices     []*mesospb.DeviceAccess // usable in addition to the usual ones (--allowed_devices)
	Sampling    Sampling                // of events; a [Sampler] does it
	Classes     Classes                 // of the packets of containers
	Destroyer   cgroups.Destroyer
}

// Tree is where groups are.
type Tree = mesos.Tree

// Isolator is the isolator of all chosen subsystems.
type Isolator struct {
	mesos.Base
	tree      mesos.Tree
	destroyer cgroups.Destroyer
	parts     []part // in the order of the names of their subsystems

	mu    sync.Mutex
	infos map[ids.Container]*info // of containers with groups of their own
}

// part is a subsystem in its hierarchy.
type part struct {
	name      string
	hierarchy cgroups.Hierarchy
	subsystem subsystem
}

// info is what is known of a container with groups of its own.
type info struct {
	container *mesos.Container
	groups    []cgroups.Group                        // one for each hierarchy
	memory    *watch                                 // nil without the memory subsystem
	quota     bool                                   // the time on processors is limited, or was
	sample    atomic.Pointer[mesospb.PerfStatistics] // the last one of perf_event; nil without it
	class     class                                  // of net_cls
}

// subsystem is what is particular about one subsystem. Its methods block.
type subsystem interface {
	// prepare prepares a group that has no processes yet.
	prepare(g cgroups.Group, x *info) error
	// recover prepares for a group of an earlier agent.
	recover(g cgroups.Group, x *info) error
	// isolate is called when the container's first process is in the group.
	isolate(g cgroups.Group, x *info, pid int) error
	// update sets the limits of the group.
	update(g cgroups.Group, x *info, requests resources.Resources, limits map[string]*mesospb.Value_Scalar) error
	// usage adds what is measured in the group.
	usage(g cgroups.Group, x *info, u *mesospb.ResourceStatistics) error
}

// New returns the isolator of the given isolation names, such as cgroups/cpu. cgroups/all stands for all subsystems that
// the system has mounted.
//
// Mesos: CgroupsIsolatorProcess::create.
//
// Differs: Mesos mounts a hierarchy that is not mounted.
func New(names []string, o Options) (*Isolator, error) {
	x := &Isolator{tree: o.Tree, destroyer: o.Destroyer, infos: map[ids.Container]*info{}}
	wanted, err := choose(names, o)
	if err != nil {
		return nil, err
	}
	for _, name := range wanted {
		h, err := find(o.Base, name)
		if err != nil {
			return nil, fmt.Errorf("Failed to prepare hierarchy for the subsystem '%s': %w", name, err)
		}
		p := part{name: name, hierarchy: h}
		if p.subsystem, err = create(name, h, o); err != nil {
			return nil, fmt.Errorf("Failed to create subsystem '%s': %w", name, err)
		}
		if err := x.makeRoot(p); err != nil {
			return nil, fmt.Errorf("Failed to prepare hierarchy for the subsystem '%s': %w", name, err)
		}
		x.parts = append(x.parts, p)
	}
	return x, nil
}

// makeRoot makes the group around all groups of containers.
func (x *Isolator) makeRoot(p part) error {
	root := cgroups.Group{Hierarchy: p.hierarchy, Name: x.tree.Root}
	if err := root.Make(); err != nil {
		return err
	}
	return enable(p, root)
}

// enable makes the controller of a part available to the children of a group, and to those of all groups around it.
func enable(p part, g cgroups.Group) error {
	if p.hierarchy.Version != cgroups.V2 || p.name == deviceSubsystem || p.name == eventSubsystem {
		return nil
	}
	around := cgroups.Group{Hierarchy: p.hierarchy, Name: "."}
	for _, name := range append([]string{""}, strings.Split(g.Name, "/")...) {
		if around = around.Child(name); !around.Enables(controller(p.name)) {
			if err := around.Enable(controller(p.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares reports whether a container has the groups of its parent.
func shares(c *mesos.Container) bool {
	return c.Parent != nil && (c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG ||
		c.Config.GetContainerInfo().GetLinuxInfo().GetShareCgroups())
}

// Prepare implements [mesos.Isolator].
func (x *Isolator) Prepare(_ context.Context, c *mesos.Container) error {
	if shares(c) {
		c.Groups = c.Parent.Groups
		x.show(c)
		return nil
	}
	i := &info{container: c}
	x.mu.Lock()
	x.infos[c.ID] = i
	x.mu.Unlock()
	if err := x.makeGroups(i); err != nil {
		return err
	}
	c.Groups = i.groups
	x.show(c)
	for _, p := range x.parts {
		if err := p.subsystem.prepare(x.tree.Group(p.hierarchy, c.ID), i); err != nil {
			return fmt.Errorf("Failed to prepare subsystems: %w", err)
		}
	}
	return x.Update(c, c.Config.GetResources(), c.Config.GetLimits())
}

// makeGroups makes a group for a container in each hierarchy. The container's user may make groups in it.
func (x *Isolator) makeGroups(i *info) error {
	for _, p := range x.parts {
		g := x.tree.Group(p.hierarchy, i.container.ID)
		if slices.Contains(i.groups, g) {
			continue
		}
		err := g.Create()
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("The cgroup at '%s' already exists", g.Path())
		}
		i.groups = append(i.groups, g)
		if inner := mesos.Processes(g); err == nil && inner != g {
			err = inner.Make()
		}
		if err != nil {
			return fmt.Errorf("Failed to create the cgroup at '%s': %w", g.Path(), err)
		}
		if c := i.container.Credential; c != nil && c.Uid != 0 {
			if err := os.Chown(g.Path(), int(c.Uid), int(c.Gid)); err != nil {
				return fmt.Errorf("Failed to chown the cgroup at '%s': %w", g.Path(), err)
			}
		}
	}
	return x.enableAround(i.container.ID)
}

// enableAround makes the controllers of version 2 available to the group of a nested container.
func (x *Isolator) enableAround(id ids.Container) error {
	for _, p := range x.parts {
		g := x.tree.Group(p.hierarchy, id)
		if err := enable(p, cgroups.Group{Hierarchy: g.Hierarchy, Name: parentName(g.Name)}); err != nil {
			return err
		}
	}
	return nil
}

func parentName(name string) string { return name[:max(strings.LastIndexByte(name, '/'), 0)] }

// Recover implements [mesos.Isolator]. A group that is gone stays so.
func (x *Isolator) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	if shares(c) {
		c.Groups = c.Parent.Groups
		return nil
	}
	i := &info{container: c}
	var errs []error
	for _, p := range x.parts {
		g := x.tree.Group(p.hierarchy, c.ID)
		if !g.Exists() {
			continue
		}
		if !slices.Contains(i.groups, g) {
			i.groups = append(i.groups, g)
		}
		errs = append(errs, p.subsystem.recover(g, i))
	}
	c.Groups = i.groups
	x.mu.Lock()
	defer x.mu.Unlock()
	x.infos[c.ID] = i
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("Failed to recover subsystems: %w", err)
	}
	return nil
}

// of returns what is known of a container, or nil if it has no groups of its own.
func (x *Isolator) of(c *mesos.Container) *info {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.infos[c.ID]
}

// each calls do for the groups that a container has of its own.
func (x *Isolator) each(c *mesos.Container, do func(p part, g cgroups.Group, i *info) error) error {
	i := x.of(c)
	if i == nil {
		return nil
	}
	var errs []error
	for _, p := range x.parts {
		if g := x.tree.Group(p.hierarchy, c.ID); slices.Contains(i.groups, g) {
			errs = append(errs, do(p, g, i))
		}
	}
	return errors.Join(errs...)
}

// Isolate implements [mesos.Isolator]. The process is in its groups from its beginning.
func (x *Isolator) Isolate(c *mesos.Container, pid int) error {
	return x.each(c, func(p part, g cgroups.Group, i *info) error { return p.subsystem.isolate(g, i, pid) })
}

// Update implements [mesos.Isolator].
func (x *Isolator) Update(c *mesos.Container, rs []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar) error {
	requests := resources.FromValid(rs)
	return x.each(c, func(p part, g cgroups.Group, i *info) error {
		if err := p.subsystem.update(g, i, requests, limits); err != nil {
			return fmt.Errorf("Failed to update subsystem '%s': %w", p.name, err)
		}
		return nil
	})
}

// Usage implements [mesos.Isolator].
func (x *Isolator) Usage(c *mesos.Container, _ int, u *mesospb.ResourceStatistics) error {
	return x.each(c, func(p part, g cgroups.Group, i *info) error { return p.subsystem.usage(g, i, u) })
}

// Watch implements [mesos.Watcher].
func (x *Isolator) Watch(ctx context.Context, c *mesos.Container) (*slavepb.ContainerLimitation, error) {
	if i := x.of(c); i != nil && i.memory != nil {
		return i.memory.wait(ctx)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Exceeded implements [mesos.Watcher].
func (x *Isolator) Exceeded(c *mesos.Container) *slavepb.ContainerLimitation {
	if i := x.of(c); i != nil && i.memory != nil && i.memory.killed() {
		return i.memory.limitation()
	}
	return nil
}

// Cleanup implements [mesos.Isolator].
func (x *Isolator) Cleanup(c *mesos.Container) error {
	i := x.of(c)
	if i == nil {
		return nil
	}
	if i.memory != nil {
		i.memory.close()
	}
	var errs []error
	for _, g := range i.groups {
		errs = append(errs, x.destroyer.Destroy(g))
	}
	if i.class.release != nil {
		i.class.release()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.infos, c.ID)
	return errors.Join(errs...)
}

// Sweep implements [mesos.Sweeper].
func (x *Isolator) Sweep(kept func(ids.Container) bool) error {
	var errs []error
	for _, p := range x.parts {
		all, err := x.tree.Groups(p.hierarchy)
		errs = append(errs, err)
		for _, id := range all {
			if !kept(id) {
				errs = append(errs, x.destroyer.Destroy(x.tree.Group(p.hierarchy, id)))
			}
		}
	}
	return errors.Join(errs...)
}
