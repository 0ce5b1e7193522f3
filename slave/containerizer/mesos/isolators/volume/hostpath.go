package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
)

// HostPath is the isolator volume/host_path: a container gets a file or directory of the agent's system.
//
// Mesos: VolumeHostPathIsolatorProcess.
type HostPath struct {
	mesos.Base
	SandboxDirectory string   // where containers with a file system of their own have their sandboxes
	Creatable        []string // directories below which a path is made that does not exist (--host_path_volume_force_creation)
}

// Prepare implements [mesos.Isolator].
func (i HostPath) Prepare(_ context.Context, c *mesos.Container) error {
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		path, shared, err := hostPath(v)
		if err == nil && path != "" {
			err = i.mount(c, v, path, shared)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hostPath returns the host path of a volume, which is "" if it is of another kind, and whether what is mounted there in the
// container is seen outside.
func hostPath(v *mesospb.Volume) (path string, shared bool, err error) {
	if filepath.IsAbs(v.GetHostPath()) {
		return filepath.Clean(v.GetHostPath()), false, nil
	}
	if v.GetSource().GetType() != mesospb.Volume_Source_HOST_PATH {
		return "", false, nil
	}
	h := v.GetSource().GetHostPath()
	if !filepath.IsAbs(h.GetPath()) {
		return "", false, fmt.Errorf("Path '%s' in HOST_PATH volume is not absolute", h.GetPath())
	}
	return filepath.Clean(h.GetPath()), h.GetMountPropagation().GetMode() == mesospb.MountPropagation_BIDIRECTIONAL, nil
}

func (i HostPath) mount(c *mesos.Container, v *mesospb.Volume, path string, shared bool) error {
	if debugs(c) {
		return errors.New("HOST_PATH volume is not supported for DEBUG containers")
	}
	if err := i.ensure(path); err != nil {
		return err
	}
	to, err := target(c, v, i.SandboxDirectory)
	if err != nil {
		return err
	}
	if shared {
		if err := share(c, path); err != nil {
			return err
		}
	}
	if path != to { // otherwise it is there
		bind(c, path, to, v.GetMode())
	}
	return nil
}

// ensure makes a directory that does not exist, where that is allowed.
func (i HostPath) ensure(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(i.Creatable) == 0 {
		return fmt.Errorf("Path '%s' in HOST_PATH volume does not exist", path)
	}
	for _, allowed := range i.Creatable {
		if rest, ok := strings.CutPrefix(path, filepath.Clean(allowed)); ok && (rest == "" || rest[0] == '/') {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return fmt.Errorf("Failed to create the host path at '%s': %w", path, err)
			}
			return nil
		}
	}
	return fmt.Errorf("Path '%s' in HOST_PATH volume does not exist and is not whitelisted for creation: it is not below %s",
		path, strings.Join(i.Creatable, ", "))
}

// share has the mount with a path stay shared with the container.
func share(c *mesos.Container, path string) error {
	table, err := procfs.GetMounts()
	if err != nil {
		return fmt.Errorf("Failed to read mount table: %w", err)
	}
	var around *procfs.MountInfo
	for _, m := range table {
		rest, ok := strings.CutPrefix(path, strings.TrimSuffix(m.MountPoint, "/"))
		if ok && (rest == "" || rest[0] == '/') && (around == nil || len(m.MountPoint) >= len(around.MountPoint)) {
			around = m
		}
	}
	if around == nil {
		return fmt.Errorf("Cannot find the mount containing host path '%s'", path)
	}
	if _, ok := around.OptionalFields["shared"]; !ok {
		return fmt.Errorf("Cannot setup bidirectional mount propagation for host path '%s' because it is not under a shared mount", path)
	}
	c.Init().Mounts = append(c.Init().Mounts, &slavepb.ContainerMountInfo{
		Target: proto.String(around.MountPoint), Flags: proto.Uint32(unix.MS_SHARED),
	})
	return nil
}
