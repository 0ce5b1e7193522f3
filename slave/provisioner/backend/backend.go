// Package backend makes the file system of a container of the layers of an image.
//
// Mesos: src/slave/containerizer/mesos/provisioner/backends.
package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk"
	"meseta/slave/provisioner/layer"
)

// Names of backends (--image_provisioner_backend).
const (
	OverlayName = "overlay"
	CopyName    = "copy"
	BindName    = "bind"
)

// Backend makes file systems. Its methods block.
type Backend interface {
	// Provision makes a file system of layers, the lowest first, at a path that does not exist yet. dir is the directory
	// of the container for this backend. It returns the directories that hold what the container changes, if they are
	// elsewhere. After an error, Destroy removes what is left.
	Provision(ctx context.Context, layers []string, rootfs, dir string) ([]string, error)
	// Destroy removes a file system. There need not be one.
	Destroy(rootfs, dir string) error
	// Whiteouts says in which form the layers have their whiteouts.
	Whiteouts() layer.Whiteouts
}

// New returns the backend of a name.
func New(name string) (Backend, error) {
	switch name {
	case OverlayName:
		return Overlay{}, nil
	case CopyName:
		return Copy{}, nil
	case BindName:
		return Bind{}, nil
	case "aufs":
		return nil, errors.New("The specified provisioner backend 'aufs' is not supported: Linux has no aufs; use overlay, copy or bind")
	}
	return nil, fmt.Errorf("The specified provisioner backend '%s' is not supported: Not found; use overlay, copy or bind", name)
}

// Choose returns the name of the backend for containers below a directory: the one that is wanted, if that works there,
// and without a wish the first that works.
//
// Mesos: Provisioner::create.
//
// Differs: aufs is not tried, because Linux does not have it.
func Choose(wanted, dir string) (string, error) {
	if wanted != "" {
		if _, err := New(wanted); err != nil {
			return "", err
		}
		if err := usable(wanted, dir); err != nil {
			return "", fmt.Errorf("The specified provisioner backend '%s' is not supported: %w", wanted, err)
		}
		return wanted, nil
	}
	if usable(OverlayName, dir) == nil {
		return OverlayName, nil
	}
	return CopyName, nil
}

// Types of file systems that cannot be a part of an overlay, as statfs(2) has them.
var exclusive = map[int64]string{
	0x61756673: "aufs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.ECRYPTFS_SUPER_MAGIC: "ecryptfs", 0x2fc12fc1: "zfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
}

// usable returns an error if a backend does not work below a directory.
//
// Mesos: validateBackend.
//
// Differs: whether overlayfs works is found out by mounting one, which also fails where the kernel does not have it or the
// file system does not tell the types of its files.
func usable(name, dir string) error {
	if name != OverlayName {
		return nil
	}
	var about unix.Statfs_t
	if err := unix.Statfs(dir, &about); err != nil {
		return fmt.Errorf("Failed to get filesystem type id from directory '%s': %w", dir, err)
	}
	if kind := exclusive[int64(about.Type)]; kind != "" {
		return fmt.Errorf("Backend 'overlay' is not supported on the underlying filesystem '%s'", kind)
	}
	return probe(dir)
}

// probe mounts an overlay for a moment.
func probe(dir string) error {
	at, err := os.MkdirTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	defer disk.Local{}.RemoveAll(at)
	lower, rootfs := filepath.Join(at, "lower"), filepath.Join(at, "rootfs")
	if err := os.Mkdir(lower, 0o755); err != nil {
		return err
	}
	_, err = Overlay{}.Provision(context.Background(), []string{lower}, rootfs, at)
	return errors.Join(err, Overlay{}.Destroy(rootfs, at))
}

// mounts returns what is mounted at a path or below it, the latest first.
func mounts(path string) ([]string, error) {
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("Failed to read mount table: %w", err)
	}
	var all []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if at := unescape(fields[4]); at == path || strings.HasPrefix(at, path+"/") {
			all = append(all, at)
		}
	}
	slices.Reverse(all)
	return all, nil
}

// unescape returns a path as it was before the kernel wrote it into its table.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// Unmount unmounts everything at a path and below it, so that what is deleted there is only what belongs there. Processes
// that still have files there do not prevent it.
func Unmount(path string) error {
	real, err := filepath.EvalSymlinks(path) // as the table has it
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := mounts(real)
	for _, at := range all {
		err = errors.Join(err, unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW))
	}
	if err != nil {
		return fmt.Errorf("unmount '%s': %w", path, err)
	}
	return nil
}

// share has mounts of the system appear in a file system that containers see, but none of theirs outside.
func share(rootfs string) error {
	if err := unix.Mount("", rootfs, "", unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("Failed to mark mount '%s' as a slave mount: %w", rootfs, err)
	}
	if err := unix.Mount("", rootfs, "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("Failed to mark mount '%s' as a shared mount: %w", rootfs, err)
	}
	return nil
}
