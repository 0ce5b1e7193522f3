package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/gids"
)

// Persistent mounts persistent volumes in the sandboxes of outermost containers, where their processes see them, too.
// Nested containers get them from there.
//
// Mesos: LinuxFilesystemIsolatorProcess::update.
//
// Differs: a container with a volume that cannot be mounted, because its path in the container is not a name, is refused.
type Persistent struct {
	mesos.Base
	root checkpoint.Root // the work directory, which has the volumes that are on no disk of their own
	gids *gids.Manager   // of the groups of volumes; nil means that they have none

	mu      sync.Mutex // held while a sandbox changes
	mounted map[ids.Container]resources.Resources
}

// NewPersistent returns the isolator of an agent with that work directory. Without groups, nil, users do not share volumes.
func NewPersistent(workDir string, groups *gids.Manager) *Persistent {
	return &Persistent{root: checkpoint.Root(workDir), gids: groups, mounted: map[ids.Container]resources.Resources{}}
}

// Prepare implements [mesos.Isolator].
func (p *Persistent) Prepare(ctx context.Context, c *mesos.Container) (err error) {
	c.VolumeGroups, err = p.update(ctx, c, c.Config.GetResources())
	return err
}

// Recover implements [mesos.Isolator]. The mounts are found when the container is updated.
func (p *Persistent) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	if c.Parent == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mounted[c.ID] = resources.FromValid(c.Config.GetResources()).PersistentVolumes()
	}
	return nil
}

// Update implements [mesos.Isolator]. It mounts new volumes, and unmounts those that the container no longer has. Processes that
// run get no new groups.
func (p *Persistent) Update(c *mesos.Container, all []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) error {
	_, err := p.update(context.Background(), c, all)
	return err
}

// update returns the groups of the new volumes, in addition to those that the container has.
func (p *Persistent) update(ctx context.Context, c *mesos.Container, all []*mesospb.Resource) ([]uint32, error) {
	groups := c.VolumeGroups
	if c.Parent != nil {
		return groups, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted, had := resources.FromValid(all).PersistentVolumes(), p.mounted[c.ID]
	if wanted.IsEmpty() && had.IsEmpty() {
		return groups, nil
	}
	sandbox, err := c.Place.Open()
	if err != nil {
		return nil, fmt.Errorf("Failed to open sandbox '%s': %w", c.Place.Path(), err)
	}
	defer sandbox.Close()
	for v := range had.All() {
		if !wanted.Contains(resources.Of(v)) {
			if err := unmount(sandbox, v); err != nil {
				return nil, err
			}
		}
	}
	p.mounted[c.ID] = wanted // what is not mounted yet is no harm to Cleanup
	for v := range wanted.All() {
		more, err := p.mount(ctx, sandbox, c, v)
		if err != nil {
			return nil, err
		}
		groups = append(groups, more...)
	}
	return groups, nil
}

// Cleanup implements [mesos.Isolator].
func (p *Persistent) Cleanup(c *mesos.Container) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	volumes := p.mounted[c.ID]
	delete(p.mounted, c.ID)
	if volumes.IsEmpty() {
		return nil
	}
	return unmountBelow(c.Place.Path())
}

// Sweep implements [mesos.Sweeper].
func (p *Persistent) Sweep(kept func(ids.Container) bool) error {
	runs := filepath.Join(string(p.root), "slaves") + "/"
	table, err := procfs.GetMounts()
	if err != nil {
		return fmt.Errorf("Failed to get mount table: %w", err)
	}
	var errs []error
	for _, m := range table {
		before, after, found := strings.Cut(m.MountPoint, "/runs/")
		id, _, _ := strings.Cut(after, "/")
		if found && strings.HasPrefix(before, runs) && !kept(ids.Container(id)) {
			errs = append(errs, unmountBelow(before+"/runs/"+id))
		}
	}
	return errors.Join(errs...)
}

// name returns the name of a volume in the sandbox.
func name(v resources.Resource) (string, error) {
	name := v.Disk().GetVolume().GetContainerPath()
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, filepath.Separator) {
		return "", fmt.Errorf("persistent volume %s needs a container path that is a name, without a slash, not '%s'", v, name)
	}
	return name, nil
}

// mount gives a volume to the owner of a sandbox, and mounts it there unless it is. It returns the groups for
// that.
func (p *Persistent) mount(ctx context.Context, sandbox *os.Root, c *mesos.Container, v resources.Resource) (groups []uint32, err error) {
	name, err := name(v)
	if err != nil {
		return nil, err
	}
	source, err := p.root.Volume(v)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(sandbox.Name(), name)
	if err := sandbox.Mkdir(name, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("Failed to create persistent volume mount point at '%s': %w", path, err)
	}
	point, err := openFolder(sandbox, name)
	if err != nil {
		return nil, fmt.Errorf("Failed to open persistent volume mount point at '%s': %w", path, err)
	}
	defer unix.Close(point)
	if same(point, source) {
		return nil, nil
	}
	if groups, err = give(ctx, p.gids, sandbox, source, v, c.ID, p.mounted); err != nil {
		return nil, err
	}
	if err := attach(source, point, v.Disk().GetVolume().GetMode() == mesospb.Volume_RO); err != nil {
		return nil, fmt.Errorf("Failed to mount persistent volume from '%s' to '%s': %w", source, path, err)
	}
	return groups, nil
}

// attach mounts a directory on an open one. Where the mount is seen, it is read-only from its beginning: to change it
// afterwards would change only the agent's.
func attach(source string, point int, readOnly bool) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) && !readOnly { // before Linux 5.2
		return unix.Mount(source, pathOf(point), "", unix.MS_BIND, "")
	}
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(tree)
	if readOnly {
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return os.NewSyscallError("mount_setattr", err)
		}
	}
	return os.NewSyscallError("move_mount", unix.MoveMount(tree, "", point, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}

// openFolder opens a directory in a sandbox, in which the owner may have put a link in its place. The caller closes it.
func openFolder(sandbox *os.Root, name string) (fd int, err error) {
	dir, err := sandbox.Open(".")
	if err != nil {
		return -1, err
	}
	defer dir.Close()
	return unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func pathOf(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// same reports whether a directory is that at a path.
func same(fd int, path string) bool {
	var one, other unix.Stat_t
	return unix.Fstat(fd, &one) == nil && unix.Stat(path, &other) == nil && one.Dev == other.Dev && one.Ino == other.Ino
}

// give lets the owner of a sandbox use a volume, unless it is root: by the group of the volume, which is returned, if volumes
// have groups. Otherwise the volume becomes the owner's, unless another container than id uses it, too.
func give(ctx context.Context, groups *gids.Manager, sandbox *os.Root, volume string, v resources.Resource, id ids.Container, used map[ids.Container]resources.Resources) ([]uint32, error) {
	info, err := sandbox.Stat(".")
	if err != nil {
		return nil, fmt.Errorf("Failed to get ownership for '%s': %w", sandbox.Name(), err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	switch {
	case owner.Uid == 0:
		return nil, nil
	case groups != nil:
		gid, err := groups.Allocate(ctx, volume, gids.Persistent)
		return []uint32{gid}, err
	}
	for other, all := range used {
		if v.IsShared() && other != id && all.Contains(resources.Of(v)) {
			return nil, nil
		}
	}
	if err := os.Lchown(volume, int(owner.Uid), int(owner.Gid)); err != nil {
		return nil, fmt.Errorf("Failed to change the ownership of the persistent volume at '%s': %w", volume, err)
	}
	return nil, nil
}

// unmount unmounts a volume that a container no longer has.
func unmount(sandbox *os.Root, v resources.Resource) error {
	name, err := name(v)
	if err != nil {
		return nil // it was never mounted
	}
	path := filepath.Join(sandbox.Name(), name)
	if err := unmountBelow(path); err != nil {
		return fmt.Errorf("Failed to unmount unneeded persistent volume at '%s': %w", path, err)
	}
	if err := sandbox.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("Failed to remove persistent volume mount point at '%s': %w", path, err)
	}
	return nil
}

// unmountBelow unmounts what is mounted at a path and below it, the last first. Processes that still use it keep it.
func unmountBelow(path string) error {
	table, err := procfs.GetMounts()
	if err != nil {
		return fmt.Errorf("Failed to get mount table: %w", err)
	}
	var errs []error
	for i := range table {
		point := table[len(table)-1-i].MountPoint
		if rest, ok := strings.CutPrefix(point, path); ok && (rest == "" || rest[0] == '/') {
			if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
				errs = append(errs, fmt.Errorf("Failed to unmount volume '%s': %w", point, err))
			}
		}
	}
	return errors.Join(errs...)
}
