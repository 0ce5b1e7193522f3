package subsystems

import (
	"path/filepath"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/slavepb"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos"
)

// show lets a container with a file system of its own read its groups, below /sys/fs/cgroup.
//
// Mesos: the mounts of CgroupsIsolatorProcess::__prepare.
//
// Differs: there a container may write to the files of its groups, and so lift its own limits.
func (x *Isolator) show(c *mesos.Container) {
	if c.Config.Rootfs == nil {
		return
	}
	owner := c
	for shares(owner) {
		owner = owner.Parent
	}
	shown := map[string]bool{}
	for _, p := range x.parts {
		target := filepath.Join(c.Config.GetRootfs(), "/sys/fs/cgroup")
		if p.hierarchy.Version == cgroups.V1 {
			target = filepath.Join(target, p.name)
		}
		if shown[target] {
			continue
		}
		shown[target] = true
		c.Init().Mounts = append(c.Init().Mounts, &slavepb.ContainerMountInfo{
			Source: proto.String(x.tree.Group(p.hierarchy, owner.ID).Path()), Target: &target,
			Flags: proto.Uint32(unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC),
		})
	}
}
