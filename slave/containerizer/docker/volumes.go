package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/mesos"
)

// volumes returns the persistent volumes of a container, as binds below its sandbox. It gives those that are not shared to the
// owner of the sandbox.
//
// Mesos: DockerContainerizerProcess::mountPersistentVolumes.
//
// Differs: Mesos mounts them into the sandbox of the agent. Here the engine mounts them into the container, so that no mount is
// left when the agent dies; in the sandbox of the agent their directories are empty. Containers that run get no more volumes.
func (x *isolator) volumes(c *mesos.Container) (binds []string, err error) {
	var owner unix.Stat_t
	if err := unix.Lstat(c.Place.Path(), &owner); err != nil {
		return nil, fmt.Errorf("Failed to get ownership for '%s': %w", c.Place.Path(), err)
	}
	for v := range resources.FromValid(c.Config.GetExecutorInfo().GetResources()).PersistentVolumes().All() {
		inside := v.Disk().GetVolume().GetContainerPath()
		if inside == "" || inside == "." || inside == ".." || strings.Contains(inside, "/") {
			return nil, fmt.Errorf("persistent volume %s needs a container path that is a name, without a slash, not '%s'", v, inside)
		}
		path, err := checkpoint.Root(x.options.WorkDir).Volume(v)
		if err != nil {
			return nil, err
		}
		if owner.Uid != 0 && !v.IsShared() {
			if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return nil, fmt.Errorf("Failed to change the ownership of the persistent volume at '%s': %w", path, err)
			}
		}
		binds = append(binds, path+":"+filepath.Join(x.options.Mapped, inside)+":"+strings.ToLower(v.Disk().GetVolume().GetMode().String()))
	}
	return binds, nil
}

// own returns the resources without persistent volumes, which are mounted into the container.
func own(all []*mesospb.Resource) []*mesospb.Resource {
	return slices.DeleteFunc(slices.Clone(all), persistent)
}

func persistent(r *mesospb.Resource) bool { return r.GetDisk().GetPersistence() != nil }
