package probe

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Local is the system that this program runs on.
type Local struct{}

// CPUs implements [System]. It returns the number of CPUs that this process may use.
func (Local) CPUs() (int, error) { return goruntime.NumCPU(), nil }

// Memory implements [System].
func (Local) Memory() (uint64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	info, err := fs.Meminfo()
	if err != nil {
		return 0, err
	}
	if info.MemTotalBytes == nil {
		return 0, fmt.Errorf("the system does not tell its memory")
	}
	return *info.MemTotalBytes, nil
}

// DiskSize implements [System].
func (Local) DiskSize(path string) (uint64, error) {
	var fs unix.Statfs_t
	if err := statfs(path, &fs); err != nil {
		return 0, err
	}
	return fs.Blocks * uint64(fs.Frsize), nil
}

// DiskUsage implements [System].
func (Local) DiskUsage(path string) (float64, error) {
	var fs unix.Statfs_t
	if err := statfs(path, &fs); err != nil {
		return 0, err
	}
	if fs.Blocks == 0 {
		return 0, nil
	}
	return 1 - float64(fs.Bfree)/float64(fs.Blocks), nil
}

// statfs returns information about the file system of a work directory, which it creates if it is missing.
func statfs(path string, fs *unix.Statfs_t) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if err := unix.Statfs(path, fs); err != nil {
		return &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return nil
}

// Load returns how many processes want to run, on average over the last 5 and the last 15 minutes.
func (Local) Load() (five, fifteen float64, err error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0, err
	}
	l, err := fs.LoadAvg()
	if err != nil {
		return 0, 0, err
	}
	return l.Load5, l.Load15, nil
}

// Mounts implements [System].
func (Local) Mounts() ([]string, error) {
	mounts, err := procfs.GetMounts()
	if err != nil {
		return nil, err
	}
	var points []string
	for _, m := range mounts {
		points = append(points, m.MountPoint)
	}
	return points, nil
}

// RealPath implements [System].
func (Local) RealPath(path string) (string, error) { return filepath.EvalSymlinks(path) }

// MakeDirectory implements [System].
func (Local) MakeDirectory(path string) error { return os.MkdirAll(path, 0o755) }

// BootID implements [System].
func (Local) BootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}
