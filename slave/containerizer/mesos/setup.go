package mesos

import (
	"cmp"

	"golang.org/x/sys/unix"

	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/forker/serve"
)

// initOf returns what the init of a container does.
func initOf(c *Container) *serve.Init {
	x := forker.InitOf(c.Setup)
	x.Directory, x.Anywhere = cmp.Or(c.Setup.GetWorkingDirectory(), c.Inside, c.Directory.Path()), c.Setup.WorkingDirectory != nil
	x.Root, x.Pivot = c.Config.GetRootfs(), c.Setup.Rootfs != nil
	x.Filter = c.Filter
	if x.Memory, x.Secrets = string(c.Runtime), c.Secrets; len(x.Mounts) > 0 || len(x.Secrets) > 0 {
		x.Sandbox = c.Place.Root
	}
	if x.Enter != 0 {
		x.Neighbour = uint32(c.Parent.pid)
	}
	if x.Network, x.Hostname = c.Network, c.Hostname; c.Network != "" { // it was made already
		x.Namespaces &^= unix.CLONE_NEWNET
	}
	return x
}
