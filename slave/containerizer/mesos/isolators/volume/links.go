package volume

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos"
)

// errNoVolumes has Mesos's text for containers without a filesystem of their own.
var errNoVolumes = errors.New("Volumes in ContainerInfo is not supported")

// Links is the isolator of volumes where containers have no mounts of their own: it gives nested containers directories of
// their parents' sandboxes, as links.
type Links struct{ mesos.Base }

// Prepare implements [mesos.Isolator].
func (Links) Prepare(_ context.Context, c *mesos.Container) error {
	all, err := links(c)
	for _, v := range all {
		if err == nil {
			err = v.make(c)
		}
	}
	return err
}

// link is a volume of a nested container: a directory in the parent's sandbox, and its name in the container's.
type link struct{ folder, name string }

// links returns the volumes of a container as links. Without a filesystem of its own, a container can only share
// directories of its parent's sandbox.
//
// Mesos: VolumeSandboxPathIsolatorProcess::prepare without bind mounts, PosixFilesystemIsolatorProcess::prepare.
//
// Differs: other volumes of nested containers are refused, while Mesos starts such containers without them. Paths that
// lead out of a sandbox are refused, too.
func links(c *mesos.Container) ([]link, error) {
	var all []link
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		kind, path, err := sandboxPath(v)
		switch {
		case err != nil:
			return nil, err
		case c.Parent == nil || path == "":
			return nil, errNoVolumes
		case debugs(c):
			return nil, errors.New("SANDBOX_PATH volume is not supported for DEBUG containers")
		case filepath.IsAbs(v.GetContainerPath()):
			return nil, errors.New("The 'linux' launcher and 'filesystem/linux' isolator must be enabled to support SANDBOX_PATH volume with absolute container path")
		case kind == mesospb.Volume_Source_SandboxPath_SELF:
			return nil, errors.New("'container_path' is relative for SANDBOX_PATH volume SELF type")
		case kind != mesospb.Volume_Source_SandboxPath_PARENT:
			return nil, errors.New("Unknown SANDBOX_PATH volume type")
		case !filepath.IsLocal(path) || !filepath.IsLocal(v.GetContainerPath()):
			return nil, fmt.Errorf("SANDBOX_PATH volume '%s' at '%s' leads out of the sandbox", path, v.GetContainerPath())
		}
		all = append(all, link{folder: path, name: v.GetContainerPath()})
	}
	return all, nil
}

// make creates the link in the container's sandbox, and the directory that it leads to if that does not exist.
func (k link) make(c *mesos.Container) error {
	if err := makeFolder(c.Parent.Place, c.Parent.Owner, k.folder); err != nil {
		return fmt.Errorf("make the volume: %w", err)
	}
	target := filepath.Join(c.Parent.Place.Path(), k.folder)
	err := as(c.Owner, func() error {
		if err := c.Sandbox.MkdirAll(filepath.Dir(k.name), 0o755); err != nil {
			return err
		}
		return c.Sandbox.Symlink(target, k.name)
	})
	if err != nil {
		return fmt.Errorf("link the volume: %w", err)
	}
	return nil
}
