// Package volume implements the volumes of containers.
//
// Where containers have mounts of their own, these are volume/host_path, volume/sandbox_path, volume/image, volume/secret,
// docker/volume, and persistent volumes as filesystem/linux has them. The init of a container mounts the first where only the container sees them;
// persistent volumes are mounted in its sandbox, because they come and go while it runs. Elsewhere, volumes are links in the sandbox.
package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/sandbox"
)

// target returns where a volume is mounted, as the agent sees it.
//
// Differs: a path that leads out of the sandbox is refused.
func target(c *mesos.Container, v *mesospb.Volume, sandboxDirectory string) (string, error) {
	path := v.GetContainerPath()
	switch {
	case filepath.IsAbs(path) && c.Config.Rootfs != nil:
		return filepath.Join(c.Config.GetRootfs(), path), nil
	case filepath.IsAbs(path):
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("Mount point '%s' is an absolute path. It must exist if the container shares the host filesystem", path)
		}
		return filepath.Clean(path), nil
	case !filepath.IsLocal(path):
		return "", fmt.Errorf("the volume's path in the container '%s' leads out of the sandbox", path)
	case c.Config.Rootfs != nil:
		return filepath.Join(c.Config.GetRootfs(), sandboxDirectory, path), nil
	}
	return filepath.Join(c.Place.Path(), path), nil
}

// bind has the init of a container mount a volume.
func bind(c *mesos.Container, source, target string, mode mesospb.Volume_Mode) {
	flags := uint32(unix.MS_BIND | unix.MS_REC)
	if mode == mesospb.Volume_RO {
		flags |= unix.MS_RDONLY
	}
	c.Init().Mounts = append(c.Init().Mounts, &slavepb.ContainerMountInfo{
		Source: proto.String(source), Target: proto.String(target), Flags: proto.Uint32(flags),
	})
}

// makeFolder makes a directory in a sandbox for its owner, unless there is something.
func makeFolder(place sandbox.Place, owner sandbox.Owner, folder string) error {
	root, err := place.Open()
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(folder); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return as(owner, func() error { return root.MkdirAll(folder, 0o755) })
}

// as does work with the rights of a sandbox's owner, so that links cannot lead to files of others.
func as(owner sandbox.Owner, work func() error) error {
	if owner == nil {
		return work()
	}
	return owner.Do(work)
}

// debugs reports whether a container is there to look at its parent.
func debugs(c *mesos.Container) bool {
	return c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// Others refuses volumes of the kinds that no isolator of this agent provides.
//
// Differs: Mesos starts such a container without them.
type Others struct {
	mesos.Base
	Images   bool                         // volumes may be images
	Provided []mesospb.Volume_Source_Type // in addition to those of sandboxes and of the host
}

// Prepare implements [mesos.Isolator].
func (i Others) Prepare(_ context.Context, c *mesos.Container) error {
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		kind := v.GetSource().GetType()
		switch {
		case v.Image != nil && !i.Images:
			return fmt.Errorf("the volume at '%s' is an image, which this agent does not support: it needs --image_providers", v.GetContainerPath())
		case v.Image != nil || v.HostPath != nil || kind == mesospb.Volume_Source_HOST_PATH || kind == mesospb.Volume_Source_SANDBOX_PATH:
		case !slices.Contains(i.Provided, kind):
			return fmt.Errorf("the volume at '%s' is of type %s, which this agent does not support%s", v.GetContainerPath(), kind, remedies[kind])
		}
	}
	return nil
}

// remedies says what an agent needs for volumes.
var remedies = map[mesospb.Volume_Source_Type]string{
	mesospb.Volume_Source_DOCKER_VOLUME: ": it needs the isolator docker/volume (--isolation)",
	mesospb.Volume_Source_SECRET:        ": it needs the isolator volume/secret (--isolation)",
}
