// Package namespaces implements the isolators filesystem/linux and namespaces/pid: a container sees mounts and processes of
// its own. Debug containers enter the namespaces of their parents.
package namespaces

import (
	"cmp"
	"context"
	"errors"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
)

// Filesystem is the isolator filesystem/linux: what is mounted in a container is not seen outside, and what the system
// mounts is seen inside. A container whose Config has a root file system sees that instead of the agent's.
//
// Mesos: LinuxFilesystemIsolatorProcess.
type Filesystem struct {
	mesos.Base
	SandboxDirectory string // where containers with a file system of their own have their sandboxes; "" means the default
	AgentSocket      string // of the agent's HTTP APIs, alone in its directory; "" means none
	SharedMemory     bool   // another isolator provides /dev/shm
}

// Prepare implements [mesos.Isolator].
func (i Filesystem) Prepare(_ context.Context, c *mesos.Container) error {
	switch {
	case debugs(c) && c.Config.Rootfs != nil:
		return errors.New("A 'rootfs' cannot be set for DEBUG containers")
	case debugs(c) && len(c.Config.GetContainerInfo().GetVolumes()) > 0:
		return errors.New("Volumes not supported for DEBUG containers")
	case debugs(c):
		c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWNS)
		return nil
	}
	c.Init().CloneNamespaces = append(c.Init().CloneNamespaces, unix.CLONE_NEWNS)
	if c.Config.Rootfs != nil {
		return i.furnish(c)
	}
	return nil
}

func (i Filesystem) sandboxDirectory() string {
	return cmp.Or(i.SandboxDirectory, mesos.DefaultSandboxDirectory)
}

// debugs reports whether a container is there to look at its parent.
func debugs(c *mesos.Container) bool {
	return c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// PID is the isolator namespaces/pid: a container sees and signals only its own processes, and they end with its init.
//
// Mesos: NamespacesPidIsolatorProcess.
type PID struct {
	mesos.Base
	// Private says that no container may see the processes of the agent (--disallow_sharing_agent_pid_namespace).
	Private bool
}

// Prepare implements [mesos.Isolator]. A container that shares processes shares those of its parent, or of the agent.
func (i PID) Prepare(_ context.Context, c *mesos.Container) error {
	shares := c.Config.GetContainerInfo().GetLinuxInfo().GetSharePidNamespace()
	switch {
	case shares && c.Parent == nil && i.Private:
		return errors.New("Sharing the agent's pid namespace is not allowed (--disallow_sharing_agent_pid_namespace)")
	case shares && c.Parent == nil:
		return nil
	case debugs(c):
		c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWPID)
		return nil // with the mounts of the parent, among them its /proc
	case shares:
		c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWPID)
	default:
		c.Init().CloneNamespaces = append(c.Init().CloneNamespaces, unix.CLONE_NEWPID)
	}
	if c.Config.Rootfs != nil { // which has its own /proc
		return nil
	}
	c.Init().Mounts = append(c.Init().Mounts, &slavepb.ContainerMountInfo{
		Source: proto.String("proc"), Target: proto.String("/proc"), Type: proto.String("proc"),
		Flags: proto.Uint32(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC),
	})
	return nil
}
