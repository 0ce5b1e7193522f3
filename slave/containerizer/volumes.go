package containerizer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
)

// errNoVolumes is what Mesos says where containers have no filesystem of their own.
var errNoVolumes = errors.New("Volumes in ContainerInfo is not supported")

// link is a volume of a nested container: a folder in the sandbox of its parent, under a name in its own.
type link struct{ parent, folder, name string }

// links says how a container gets its volumes. Without a filesystem of its own it can share what its parent has in its
// sandbox, and nothing else.
//
// Mesos: VolumeSandboxPathIsolatorProcess::prepare without bind mounts, PosixFilesystemIsolatorProcess::prepare.
//
// Differs: other volumes of nested containers are refused, where Mesos starts the container without them; paths that
// lead out of a sandbox are refused as well.
func links(l Launch, parent string) ([]link, error) {
	var all []link
	for _, v := range l.Config.GetContainerInfo().GetVolumes() {
		path, err := sandboxPath(v)
		switch {
		case err != nil:
			return nil, err
		case parent == "" || path == nil:
			return nil, errNoVolumes
		case l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG:
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
		all = append(all, link{parent: parent, folder: path.GetPath(), name: v.GetContainerPath()})
	}
	return all, nil
}

// sandboxPath returns what a volume is in a sandbox, nil if it is none of those. A relative path of the host is the old
// way to say so.
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

// make makes the link in a sandbox, and the folder it leads to if that is not there.
func (k link) make(sandbox string) error {
	target := filepath.Join(k.parent, k.folder)
	if _, err := os.Stat(target); err != nil {
		if err := k.makeFolder(); err != nil {
			return fmt.Errorf("make the volume: %w", err)
		}
	}
	own, err := os.OpenRoot(sandbox)
	if err != nil {
		return fmt.Errorf("link the volume: %w", err)
	}
	defer own.Close()
	if err := own.MkdirAll(filepath.Dir(k.name), 0o755); err != nil {
		return fmt.Errorf("link the volume: %w", err)
	}
	if err := own.Symlink(target, k.name); err != nil {
		return fmt.Errorf("link the volume: %w", err)
	}
	return nil
}

// makeFolder makes the folder for whom the parent's sandbox belongs to.
func (k link) makeFolder() error {
	root, err := os.OpenRoot(k.parent)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(k.folder, 0o755); err != nil {
		return err
	}
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return root.Lchown(k.folder, int(owner.Uid), int(owner.Gid))
}
