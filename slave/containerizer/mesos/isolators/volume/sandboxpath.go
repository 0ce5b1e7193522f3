package volume

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/gids"
	"meseta/slave/sandbox"
)

// SandboxPath is the isolator volume/sandbox_path: a container gets a directory of its sandbox at another path, or one of
// its parent's sandbox.
//
// Mesos: VolumeSandboxPathIsolatorProcess.
type SandboxPath struct {
	mesos.Base
	SandboxDirectory string        // where containers with a file system of their own have their sandboxes
	GIDs             *gids.Manager // of the groups of volumes; nil means that they have none
}

// Prepare implements [mesos.Isolator].
func (i SandboxPath) Prepare(ctx context.Context, c *mesos.Container) error {
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		kind, path, err := sandboxPath(v)
		if err == nil && path != "" {
			err = i.mount(ctx, c, v, kind, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sandboxPath returns whose sandbox a volume is in, and its path there, which is "" if it is of another kind. A relative
// host path is an older form of it.
func sandboxPath(v *mesospb.Volume) (kind mesospb.Volume_Source_SandboxPath_Type, path string, err error) {
	if v.GetHostPath() != "" && !filepath.IsAbs(v.GetHostPath()) {
		return mesospb.Volume_Source_SandboxPath_SELF, v.GetHostPath(), nil
	}
	s := v.GetSource().GetSandboxPath()
	if v.GetSource().GetType() != mesospb.Volume_Source_SANDBOX_PATH || s == nil {
		return 0, "", nil
	}
	if filepath.IsAbs(s.GetPath()) {
		return 0, "", fmt.Errorf("Path '%s' in SANDBOX_PATH volume is absolute", s.GetPath())
	}
	return s.GetType(), s.GetPath(), nil
}

func (i SandboxPath) mount(ctx context.Context, c *mesos.Container, v *mesospb.Volume, kind mesospb.Volume_Source_SandboxPath_Type, path string) error {
	if debugs(c) {
		return errors.New("SANDBOX_PATH volume is not supported for DEBUG containers")
	}
	place, owner, err := source(c, v, kind)
	if err != nil {
		return err
	}
	if !filepath.IsLocal(path) {
		return fmt.Errorf("SANDBOX_PATH volume '%s' at '%s' leads out of the sandbox", path, v.GetContainerPath())
	}
	if err := makeFolder(place, owner, path); err != nil {
		return fmt.Errorf("Failed to create the directory '%s' in the sandbox: %w", filepath.Join(place.Path(), path), err)
	}
	to, err := target(c, v, i.SandboxDirectory)
	if err != nil {
		return err
	}
	source := filepath.Join(place.Path(), path)
	bind(c, source, to, v.GetMode())
	if i.GIDs == nil || kind != mesospb.Volume_Source_SandboxPath_PARENT || c.Owner == nil || c.Owner.UID == 0 {
		return nil
	}
	return i.join(ctx, c, place, path, source)
}

// join lets the user of a nested container use a directory of its parent's sandbox that belongs to somebody else.
func (i SandboxPath) join(ctx context.Context, c *mesos.Container, place sandbox.Place, path, source string) error {
	root, err := place.Open()
	if err != nil {
		return err
	}
	defer root.Close()
	about, err := root.Lstat(path)
	if err != nil {
		return fmt.Errorf("Failed to stat '%s': %w", source, err)
	}
	if about.Sys().(*syscall.Stat_t).Uid == c.Owner.UID {
		return nil
	}
	gid, err := i.GIDs.Allocate(ctx, source, gids.Sandbox)
	if err == nil {
		c.VolumeGroups = append(c.VolumeGroups, gid)
	}
	return err
}

// source returns the sandbox with the volume, and its owner.
func source(c *mesos.Container, v *mesospb.Volume, kind mesospb.Volume_Source_SandboxPath_Type) (sandbox.Place, sandbox.Owner, error) {
	switch kind {
	case mesospb.Volume_Source_SandboxPath_SELF:
		if !filepath.IsAbs(v.GetContainerPath()) {
			return sandbox.Place{}, nil, errors.New("'container_path' is relative for SANDBOX_PATH volume SELF type")
		}
		return c.Place, c.Owner, nil
	case mesospb.Volume_Source_SandboxPath_PARENT:
		if c.Parent == nil {
			return sandbox.Place{}, nil, errors.New("SANDBOX_PATH volume PARENT type only works for nested container")
		}
		return c.Parent.Place, c.Parent.Owner, nil
	}
	return sandbox.Place{}, nil, errors.New("Unknown SANDBOX_PATH volume type")
}
