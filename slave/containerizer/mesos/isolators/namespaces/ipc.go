package namespaces

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/slave/containerizer/mesos"
)

// agentShm is where the agent's system has its shared memory.
const agentShm = "/dev/shm"

// IPC is the isolator namespaces/ipc: a container has shared memory, semaphores and message queues of its own, or those of
// its parent. Its LinuxInfo says which, and how large its /dev/shm may become.
//
// Mesos: NamespacesIPCIsolatorProcess.
type IPC struct {
	mesos.Base
	Size    units.Bytes // of the /dev/shm of a private container that asks for none (--default_container_shm_size); 0 means the kernel's default
	Private bool        // no container may share with the agent (--disallow_sharing_agent_ipc_namespace)
}

// Prepare implements [mesos.Isolator].
func (i IPC) Prepare(_ context.Context, c *mesos.Container) error {
	info := c.Config.GetContainerInfo().GetLinuxInfo()
	private := info.GetIpcMode() == mesospb.LinuxInfo_PRIVATE
	switch {
	case info.GetShmSize() > 0 && !private:
		return errors.New("Only support specifying the size of /dev/shm when the IPC mode is `PRIVATE`")
	case debugs(c) && private:
		return errors.New("Private IPC mode is not supported for DEBUG containers")
	case debugs(c):
		c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWIPC)
		return nil // with the mounts of the parent
	case private:
		return i.own(c)
	case info.GetIpcMode() == mesospb.LinuxInfo_SHARE_PARENT:
		return i.share(c)
	case moded(info):
		return errors.New("Unknown IPC mode")
	}
	// Without a mode, as before there were modes: an outermost container has its own, and a nested one that of its parent.
	if c.Parent != nil {
		c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWIPC)
	} else {
		c.Init().CloneNamespaces = append(c.Init().CloneNamespaces, unix.CLONE_NEWIPC)
	}
	if c.Config.Rootfs != nil {
		addSharedMemory(c)
	}
	return nil
}

// moded reports whether a container, which may have no LinuxInfo, has an IPC mode.
func moded(info *mesospb.LinuxInfo) bool { return info != nil && info.IpcMode != nil }

// shmOf returns the directory with the private shared memory of a container.
func shmOf(c *mesos.Container) string { return filepath.Join(string(c.Runtime), "shm") }

// own gives a container a namespace and a /dev/shm of its own.
func (i IPC) own(c *mesos.Container) error {
	c.Init().CloneNamespaces = append(c.Init().CloneNamespaces, unix.CLONE_NEWIPC)
	size, options := i.Size, "mode=1777"
	if info := c.Config.GetContainerInfo().GetLinuxInfo(); info.ShmSize != nil {
		size = units.Bytes(info.GetShmSize()) * units.Megabyte
	}
	if size > 0 {
		options += fmt.Sprintf(",size=%d", uint64(size))
	}
	path := shmOf(c)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("Failed to create container shared memory directory: %w", err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", shared, options); err != nil {
		return fmt.Errorf("Failed to mount '%s': %w", path, err)
	}
	mount{path, inside(c, agentShm), "", "", unix.MS_BIND}.add(c)
	return nil
}

// share gives a container the namespace and the /dev/shm of its parent, or of the agent.
func (i IPC) share(c *mesos.Container) error {
	if c.Parent == nil && i.Private {
		return errors.New("Sharing agent IPC namespace with top-level container is not allowed")
	}
	from := agentShm
	if c.Parent != nil {
		c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWIPC)
		var err error
		if from, err = visible(c.Parent); err != nil {
			return err
		}
	}
	if from != agentShm || c.Config.Rootfs != nil {
		mount{from, inside(c, agentShm), "", "", unix.MS_BIND}.add(c)
	}
	return nil
}

// visible returns the directory that a container sees as /dev/shm.
//
// Mesos: containerizer::paths::getParentShmPath.
func visible(c *mesos.Container) (string, error) {
	for ; c != nil; c = c.Parent {
		info := c.Config.GetContainerInfo().GetLinuxInfo()
		switch {
		case info.GetIpcMode() == mesospb.LinuxInfo_PRIVATE:
			return shmOf(c), nil
		case !moded(info) && c.Config.Rootfs != nil:
			return "", fmt.Errorf("Failed to get parent shared memory path: container %s has a /dev/shm that it cannot share, since its IPC mode is not set", c.ID)
		case !moded(info):
			return agentShm, nil
		}
	}
	return agentShm, nil
}

// Cleanup implements [mesos.Isolator].
func (IPC) Cleanup(c *mesos.Container) error {
	path := shmOf(c)
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) { // it was never mounted
		return fmt.Errorf("Failed to unmount container shared memory directory '%s': %w", path, err)
	}
	return nil
}
