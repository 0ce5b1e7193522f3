package namespaces

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
)

// How much the mounts of a container's own file system are restricted.
const (
	special = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV
	guarded = unix.MS_BIND | unix.MS_RDONLY | special
	devices = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_STRICTATIME
	shared  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_STRICTATIME
)

// standard has what is mounted in a container's own file system, in order.
//
// Mesos: ROOTFS_CONTAINER_MOUNTS.
var standard = []mount{
	{"proc", "/proc", "proc", "", special},
	{"/proc/bus", "/proc/bus", "", "", guarded},
	{"/proc/fs", "/proc/fs", "", "", guarded},
	{"/proc/irq", "/proc/irq", "", "", guarded},
	{"/proc/sys", "/proc/sys", "", "", guarded},
	{"/proc/sysrq-trigger", "/proc/sysrq-trigger", "", "", guarded},
	{"sysfs", "/sys", "sysfs", "", unix.MS_RDONLY | special},
	{"tmpfs", "/sys/fs/cgroup", "tmpfs", "mode=755", special},
	{"tmpfs", "/dev", "tmpfs", "mode=755", devices},
	{"devpts", "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5", unix.MS_NOSUID | unix.MS_NOEXEC},
}

// masked has what a container must not see.
//
// Mesos: ROOTFS_MASKED_PATHS.
var masked = []string{
	"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
}

// nodes has the devices of every container with a file system of its own.
var nodes = []string{"full", "null", "random", "tty", "urandom", "zero"}

// devLinks has the links in /dev.
var devLinks = []struct{ source, name string }{
	{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"},
}

// mount describes a mount.
type mount struct {
	source, target, kind, options string
	flags                         uint32
}

// add has the init make a mount.
func (m mount) add(c *mesos.Container) {
	info := &slavepb.ContainerMountInfo{Source: proto.String(m.source), Target: proto.String(m.target), Flags: proto.Uint32(m.flags)}
	if m.kind != "" {
		info.Type = proto.String(m.kind)
	}
	if m.options != "" {
		info.Options = proto.String(m.options)
	}
	c.Init().Mounts = append(c.Init().Mounts, info)
}

// inside returns a path of a container's own file system as the agent sees it.
func inside(c *mesos.Container, path string) string { return filepath.Join(c.Config.GetRootfs(), path) }

// furnish gives a container's own file system what commands expect there.
//
// Mesos: LinuxFilesystemIsolatorProcess::prepare.
//
// Differs: what a file of /proc would be protected from is left out where the kernel does not have the file.
func (i Filesystem) furnish(c *mesos.Container) error {
	if c.Config.GetTaskInfo() == nil || c.Parent != nil { // the executor of a task sees the agent's files; see Command
		c.Init().Rootfs = c.Config.Rootfs
	}
	for _, m := range standard {
		if m.kind == "" {
			m.source = inside(c, m.source)
		}
		m.target = inside(c, m.target)
		m.add(c)
	}
	if !i.SharedMemory {
		addSharedMemory(c)
	}
	if err := addDevices(c); err != nil {
		return err
	}
	if i.AgentSocket != "" && c.Config.GetTaskInfo() == nil && c.Parent == nil {
		i.addSocket(c)
	}
	mount{c.Place.Path(), inside(c, i.sandboxDirectory()), "", "", unix.MS_BIND | unix.MS_REC}.add(c)
	if !privileged(c) {
		for _, path := range masked {
			c.Init().MaskedPaths = append(c.Init().MaskedPaths, inside(c, path))
		}
	}
	return nil
}

// addSocket lets an executor with a file system of its own reach the agent. The directory is mounted, and not the socket,
// because another agent has another socket.
//
// Differs: Mesos's agent tells the executor where the socket is outside of its file system, so that it does not find it.
func (i Filesystem) addSocket(c *mesos.Container) {
	folder, name := filepath.Split(i.AgentSocket)
	mount{folder, inside(c, agentDirectory), "", "", unix.MS_BIND | unix.MS_RDONLY | special}.add(c)
	setup := c.Init()
	if setup.Environment == nil {
		setup.Environment = &mesospb.Environment{}
	}
	setup.Environment.Variables = append(setup.Environment.Variables, &mesospb.Environment_Variable{
		Name: proto.String("MESOS_DOMAIN_SOCKET"), Value: proto.String(filepath.Join(agentDirectory, name)),
	})
}

// agentDirectory is where an executor with a file system of its own sees the agent's socket.
const agentDirectory = "/mnt/mesos/agent"

// addSharedMemory gives a container a /dev/shm of its own.
func addSharedMemory(c *mesos.Container) {
	mount{"tmpfs", inside(c, "/dev/shm"), "tmpfs", "mode=1777", shared}.add(c)
}

// addDevices makes the devices of a container, and mounts them in its file system. Its directory for them is removed with
// its records.
//
// Mesos: makeStandardDevices.
//
// Differs: the directory does not belong to the container's user, who could put a link where a device is about to be made.
func addDevices(c *mesos.Container) error {
	dir := filepath.Join(string(c.Runtime), "devices")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("Failed to create container devices directory: %w", err)
	}
	for _, name := range nodes {
		if err := copyDevice("/dev/"+name, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("Failed to import device '%s': %w", name, err)
		}
		mount{filepath.Join(dir, name), inside(c, "/dev/"+name), "", "", unix.MS_BIND}.add(c)
	}
	for _, l := range devLinks {
		c.Init().FileOperations = append(c.Init().FileOperations, &slavepb.ContainerFileOperation{
			Operation: slavepb.ContainerFileOperation_SYMLINK.Enum(),
			Parameters: &slavepb.ContainerFileOperation_Symlink_{Symlink: &slavepb.ContainerFileOperation_Symlink{
				Source: proto.String(l.source), Target: proto.String(inside(c, "/dev/"+l.name)),
			}},
		})
	}
	return nil
}

// copyDevice makes a device like another one.
//
// Mesos: fs::chroot::copyDeviceNode.
func copyDevice(from, to string) error {
	var about unix.Stat_t
	if err := unix.Stat(from, &about); err != nil {
		return err
	}
	if kind := about.Mode & unix.S_IFMT; kind != unix.S_IFCHR && kind != unix.S_IFBLK {
		return errors.New("it is no device")
	}
	if err := unix.Mknod(to, about.Mode, int(about.Rdev)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := unix.Chmod(to, about.Mode&^unix.S_IFMT); err != nil {
		return err
	}
	return unix.Lchown(to, int(about.Uid), int(about.Gid))
}

// privileged reports whether a container sees the processes of the agent.
//
// Mesos: isPrivilegedContainer.
func privileged(c *mesos.Container) bool {
	for ; c != nil; c = c.Parent {
		if !c.Config.GetContainerInfo().GetLinuxInfo().GetSharePidNamespace() {
			return false
		}
	}
	return true
}
