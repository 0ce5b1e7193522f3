package mesos

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/processtree"
)

// record makes the directory with the container's records, and writes its configuration. Nobody would read that of a
// container that ends with the agent.
func (x *Containerizer) record(c *Container) error {
	if x.passing {
		return c.Runtime.Make(x.disk, false, false)
	}
	if err := c.Runtime.Make(x.disk, c.standalone(), c.perishable()); err != nil {
		return err
	}
	return c.Runtime.WriteConfig(x.disk, c.Config)
}

// recordLaunch records how the container's process is about to be started, and the configuration if it has an image now.
func (x *Containerizer) recordLaunch(c *Container) error {
	if x.passing {
		return nil
	}
	if c.Config.Rootfs != nil {
		if err := c.Runtime.WriteConfig(x.disk, c.Config); err != nil {
			return err
		}
	}
	return runtimedir.WriteMessage(x.disk, c.Runtime.LaunchInfo(), c.launchInfo())
}

// recordProcess writes down the ID of the process: first for the agent, so that a container that is recorded here only
// is one whose agent was made to forget it.
func (x *Containerizer) recordProcess(c *Container, pid int) error {
	if c.PIDFile != "" {
		err := runtimedir.WritePID(x.disk, c.PIDFile, pid)
		if errors.Is(err, fs.ErrNotExist) { // the agent is about to write the other checkpoints of the run
			if err = checkpoint.RunOf(c.PIDFile).Make(x.disk); err == nil {
				err = runtimedir.WritePID(x.disk, c.PIDFile, pid)
			}
		}
		if err != nil {
			return err
		}
	}
	if x.passing {
		return nil
	}
	return runtimedir.WritePID(x.disk, c.Runtime.PID(), pid)
}

// standalone reports whether the container has neither an executor nor a parent, so that the agent has no record of it.
func (c *Container) standalone() bool {
	return c.Parent == nil && c.Config.GetTaskInfo() == nil && c.Config.GetExecutorInfo() == nil
}

// perishable reports whether the next agent must not take over the container, because its output ends with the agent.
func (c *Container) perishable() bool {
	return c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// lasting reports whether the container has a terminal that outlives the agent.
func (c *Container) lasting() bool { return c.Attachable() && !c.perishable() }

// launchInfo returns how the container's process is started, as Mesos records it.
//
// Mesos: MesosContainerizerProcess::_launch.
func (c *Container) launchInfo() *slavepb.ContainerLaunchInfo {
	info := &slavepb.ContainerLaunchInfo{
		Environment: &mesospb.Environment{}, User: c.Config.User,
		WorkingDirectory: proto.String(cmp.Or(c.Inside, c.Directory.Path())), TaskEnvironment: &mesospb.Environment{},
	}
	set := func(name, value string) {
		info.Environment.Variables = append(info.Environment.Variables, &mesospb.Environment_Variable{Name: proto.String(name), Value: proto.String(value)})
	}
	own := c.Launch.Environment
	if c.Beside != nil {
		own = c.Environment
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !c.Hidden[name] {
			set(name, own[name])
		}
	}
	if c.Beside == nil {
		set(processtree.SandboxVariable, c.Environment[processtree.SandboxVariable])
	}
	if c.Setup != nil {
		proto.Merge(info, c.Setup)
	}
	if c.Credential != nil {
		info.SupplementaryGroups = c.VolumeGroups
	}
	info.Command = proto.CloneOf(c.Command())
	if command := info.Command; command != nil { // the variables are in info itself
		command.Uris, command.Environment, command.User = nil, nil, nil
	}
	info.Environment.Variables = append(info.Environment.Variables, c.Config.GetCommandInfo().GetEnvironment().GetVariables()...)
	return info
}

// recordEnd records the termination of a nested container as long as its outermost container exists. The records of an
// outermost container go, with those of all containers in it.
//
// Mesos: MesosContainerizerProcess::______destroy.
func (x *Containerizer) recordEnd(c *Container, t *slavepb.ContainerTermination) error {
	switch {
	case c.Parent == nil:
		return c.Runtime.Remove(x.disk, c.standalone())
	case x.passing || !runtimedir.Has(x.disk, string(c.Runtime)):
		return nil
	}
	return runtimedir.WriteMessage(x.disk, c.Runtime.Termination(), t)
}

// folder returns the directory with the records of a container.
func (x *Containerizer) folder(id ids.Container) runtimedir.Folder { return x.runtimeDir.Container(id) }
