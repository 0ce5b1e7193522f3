package xfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Project is the number by which a file system knows the files that share a quota. 0 is that of files without one.
type Project uint32

// Quota is what the files of a project take up and may take up, in bytes. A limit of 0 is none.
type Quota struct{ Used, Soft, Hard uint64 }

// System is what the isolator needs of file systems. Its methods block.
type System interface {
	// Check returns an error if a directory is on a file system without quotas of projects. With enforce, these must have an effect.
	Check(dir string, enforce bool) error
	// Device returns the device of the file system that has a directory.
	Device(dir string) (string, error)
	// Project returns the project of a directory.
	Project(dir string) (Project, error)
	// Assign gives a directory, and all that is in it or will be, a project. It does not follow links or enter mounts.
	Assign(dir string, p Project) error
	// Quota returns the quota of a project on a device.
	Quota(device string, p Project) (Quota, error)
	// Limit sets the limits of a project on a device.
	Limit(device string, p Project, soft, hard uint64) error
}

// Kernel is the [System] of Linux.
//
// Mesos: src/slave/containerizer/mesos/isolators/xfs/utils.cpp.
type Kernel struct{}

// The calls of quotactl(2) for XFS, for projects: Q_XQUOTAON and so on.
const (
	quotaOn    = 'X'<<8 + 1
	getQuota   = 'X'<<8 + 3
	setLimits  = 'X'<<8 + 4
	getState   = 'X'<<8 + 8
	ofProjects = 2 // PRJQUOTA
)

// What is on for projects, as quotactl(2) has it.
const (
	accounting  = 1 << 4 // FS_QUOTA_PDQ_ACCT
	enforcement = 1 << 5 // FS_QUOTA_PDQ_ENFD
)

// block is the unit of quotas, in bytes.
const block = 512

// diskQuota is struct fs_disk_quota of linux/dqblk_xfs.h.
type diskQuota struct {
	version, flags      int8
	fields              uint16
	id                  uint32
	hard, soft          uint64 // in blocks
	hardFiles           uint64
	softFiles           uint64
	used                uint64 // in blocks
	files               uint64
	filesTimer, timer   int32
	fileWarns, warnings uint16
	high                [4]int8
	realTime            [3]uint64
	realTimeTimer       int32
	realTimeWarnings    uint16
	_                   [10]byte
}

// quotaState is struct fs_quota_statv of linux/dqblk_xfs.h.
type quotaState struct {
	version int8
	_       uint8
	flags   uint16
	_       [19]uint64
}

// attributes is struct fsxattr of linux/fs.h.
type attributes struct {
	flags, extent, extents uint32
	project                uint32
	_                      [3]uint32
}

// The requests of ioctl(2) for attributes, and the flag of a directory whose new files are of its project.
const (
	getAttributes = 0x801c581f // FS_IOC_FSGETXATTR
	setAttributes = 0x401c5820 // FS_IOC_FSSETXATTR
	inherited     = 0x200      // FS_XFLAG_PROJINHERIT
)

// Check implements [System]. It has the kernel enforce quotas if it counts already.
//
// Mesos: xfs::enableQuota, isPathSupported.
func (k Kernel) Check(dir string, enforce bool) error {
	if os.Geteuid() != 0 {
		return errors.New("The XFS disk isolator requires running as root: start the agent as root, or use the isolator disk/du")
	}
	var about unix.Statfs_t
	if err := unix.Statfs(dir, &about); err != nil {
		return fmt.Errorf("'%s': %w", dir, err)
	}
	if about.Type != unix.XFS_SUPER_MAGIC {
		return fmt.Errorf("'%s' is not an XFS filesystem; put it on one that is mounted with the option prjquota, or use the isolator disk/du", dir)
	}
	device, err := k.Device(dir)
	if err != nil {
		return err
	}
	on := uint32(accounting | enforcement)
	_ = quotactl(quotaOn, device, 0, unsafe.Pointer(&on)) // whether it has worked is seen in the state
	state := quotaState{version: 1}
	if err := quotactl(getState, device, 0, unsafe.Pointer(&state)); errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("this kernel has no quotas of XFS (CONFIG_XFS_QUOTA), which '%s' needs: use another kernel, or the isolator disk/du", dir)
	} else if err != nil {
		return fmt.Errorf("Failed to get quota status for '%s': %w", dir, err)
	}
	switch {
	case state.flags&accounting == 0:
		return fmt.Errorf("XFS project quotas are not enabled on '%s'; mount its file system with the option prjquota", dir)
	case enforce && state.flags&enforcement == 0:
		return fmt.Errorf("XFS project quotas have no effect on '%s'; mount its file system with the option prjquota, not pqnoenforce", dir)
	}
	return nil
}

// Device implements [System].
func (Kernel) Device(dir string) (string, error) {
	var about unix.Stat_t
	if err := unix.Lstat(dir, &about); err != nil {
		return "", fmt.Errorf("Unable to access '%s': %w", dir, err)
	}
	content, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/uevent", unix.Major(about.Dev), unix.Minor(about.Dev)))
	for line := range strings.Lines(string(content)) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); found {
			return filepath.Join("/dev", name), nil
		}
	}
	return "", fmt.Errorf("Unable to get device for '%s': %w", dir, errors.Join(err, unix.ENODEV))
}

// Project implements [System].
func (Kernel) Project(dir string) (Project, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	x, err := attributesOf(f)
	return Project(x.project), err
}

// Assign implements [System].
//
// Mesos: setProjectIdRecursively.
func (Kernel) Assign(dir string, p Project) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	at, err := mountOf(root)
	if err != nil {
		return err
	}
	return fs.WalkDir(root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.IsDir() && !e.Type().IsRegular() {
			return err
		}
		err = give(root, path, at, p)
		if errors.Is(err, errElsewhere) && e.IsDir() {
			return fs.SkipDir
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errElsewhere) {
			return nil
		}
		return err
	})
}

// errElsewhere means that a file is in another mount, or that it became something that has no project.
var errElsewhere = errors.New("the file is elsewhere")

// give gives a file or a directory in root a project, if it is in that mount.
func give(root *os.Root, path string, mount int, p Project) error {
	f, err := root.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return err
	}
	if here, err := mountOfFile(f); err != nil || here != mount || !about.IsDir() && !about.Mode().IsRegular() {
		return errors.Join(err, errElsewhere)
	}
	x, err := attributesOf(f)
	if err != nil {
		return err
	}
	x.project = uint32(p)
	if about.IsDir() {
		x.flags |= inherited
	}
	if err := ioctl(f, setAttributes, &x); err != nil {
		return fmt.Errorf("Failed to set XFS attributes for '%s': %w", f.Name(), err)
	}
	return nil
}

// Quota implements [System]. A project without files and limits has none.
func (Kernel) Quota(device string, p Project) (Quota, error) {
	x := diskQuota{version: 1, flags: ofProjects, id: uint32(p)}
	err := quotactl(getQuota, device, p, unsafe.Pointer(&x))
	if errors.Is(err, unix.ENOENT) {
		return Quota{}, nil
	}
	if err != nil {
		return Quota{}, fmt.Errorf("Failed to get quota for project ID %d: %w", p, err)
	}
	return Quota{Used: x.used * block, Soft: x.soft * block, Hard: x.hard * block}, nil
}

// Limit implements [System].
func (Kernel) Limit(device string, p Project, soft, hard uint64) error {
	const softField, hardField = 1 << 2, 1 << 3 // FS_DQ_BSOFT, FS_DQ_BHARD
	x := diskQuota{version: 1, flags: ofProjects, id: uint32(p), fields: softField | hardField, soft: soft / block, hard: hard / block}
	if err := quotactl(setLimits, device, p, unsafe.Pointer(&x)); err != nil {
		return fmt.Errorf("Failed to set quota for project ID %d: %w", p, err)
	}
	return nil
}

func attributesOf(f *os.File) (x attributes, err error) {
	if err := ioctl(f, getAttributes, &x); err != nil {
		return x, fmt.Errorf("Failed to get XFS attributes for '%s': %w", f.Name(), err)
	}
	return x, nil
}

func ioctl(f *os.File, request uintptr, x *attributes) error {
	if _, _, failed := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(x))); failed != 0 {
		return failed
	}
	return nil
}

func quotactl(call uintptr, device string, p Project, x unsafe.Pointer) error {
	path, err := unix.BytePtrFromString(device)
	if err != nil {
		return err
	}
	_, _, failed := unix.Syscall6(unix.SYS_QUOTACTL, call<<8|ofProjects, uintptr(unsafe.Pointer(path)), uintptr(p), uintptr(x), 0, 0)
	if failed != 0 {
		return failed
	}
	return nil
}

// mountOf returns the number of the mount that has a directory.
func mountOf(root *os.Root) (int, error) {
	f, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return mountOfFile(f)
}

func mountOfFile(f *os.File) (int, error) {
	content, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(int(f.Fd())))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if number, found := strings.CutPrefix(line, "mnt_id:"); found {
			return strconv.Atoi(strings.TrimSpace(number))
		}
	}
	return 0, fmt.Errorf("the mount of %s is not known", f.Name())
}
