package mesos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/sandbox"
)

// errNoVolumes has Mesos's text for containers without a filesystem of their own.
var errNoVolumes = errors.New("Volumes in ContainerInfo is not supported")

// volumes gives nested containers directories of their parents' sandboxes.
type volumes struct{ Base }

// Prepare implements [Isolator].
func (volumes) Prepare(_ context.Context, c *Container) error {
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
func links(c *Container) ([]link, error) {
	var all []link
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		path, err := sandboxPath(v)
		switch {
		case err != nil:
			return nil, err
		case c.Parent == nil || path == nil:
			return nil, errNoVolumes
		case c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG:
			return nil, errors.New("SANDBOX_PATH volume is not supported for DEBUG containers")
		case filepath.IsAbs(v.GetContainerPath()):
			return nil, errors.New("The 'linux' launcher and 'filesystem/linux' isolator must be enabled to support SANDBOX_PATH volume with absolute container path")
		case path.GetType() == mesospb.Volume_Source_SandboxPath_SELF:
			return nil, errors.New("'container_path' is relative for SANDBOX_PATH volume SELF type")
		case path.GetType() != mesospb.Volume_Source_SandboxPath_PARENT:
			return nil, errors.New("Unknown SANDBOX_PATH volume type")
		case !filepath.IsLocal(path.GetPath()) || !filepath.IsLocal(v.GetContainerPath()):
			return nil, fmt.Errorf("SANDBOX_PATH volume '%s' at '%s' leads out of the sandbox", path.GetPath(), v.GetContainerPath())
		}
		all = append(all, link{folder: path.GetPath(), name: v.GetContainerPath()})
	}
	return all, nil
}

// sandboxPath returns the sandbox path of a volume, or nil if it has none. A relative host path is an older form of it.
func sandboxPath(v *mesospb.Volume) (*mesospb.Volume_Source_SandboxPath, error) {
	if v.HostPath != nil && !filepath.IsAbs(v.GetHostPath()) {
		return &mesospb.Volume_Source_SandboxPath{Type: mesospb.Volume_Source_SandboxPath_SELF.Enum(), Path: v.HostPath}, nil
	}
	path := v.GetSource().GetSandboxPath()
	if v.GetSource().GetType() != mesospb.Volume_Source_SANDBOX_PATH || path == nil {
		return nil, nil
	}
	if filepath.IsAbs(path.GetPath()) {
		return nil, fmt.Errorf("Path '%s' in SANDBOX_PATH volume is absolute", path.GetPath())
	}
	return path, nil
}

// make creates the link in the container's sandbox, and the directory that it leads to if that does not exist.
func (k link) make(c *Container) error {
	if err := k.makeFolder(c.Parent); err != nil {
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

// makeFolder creates the directory for the owner of the parent's sandbox, unless there is one, or a link, such as that to
// a persistent volume, which only the processes in the container follow.
func (k link) makeFolder(parent *Container) error {
	root, err := parent.Place.Open()
	if err != nil {
		return err
	}
	defer root.Close()
	if info, err := root.Lstat(k.folder); err == nil && (info.IsDir() || info.Mode()&fs.ModeSymlink != 0) {
		return nil
	}
	return as(parent.Owner, func() error { return root.MkdirAll(k.folder, 0o755) })
}

// as calls work with the rights of a sandbox's owner, so that links cannot lead to files of others.
func as(owner sandbox.Owner, work func() error) error {
	if owner == nil {
		return work()
	}
	return owner.Do(work)
}
