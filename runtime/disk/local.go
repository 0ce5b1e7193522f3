package disk

import (
	"io/fs"
	"os"
	"time"
)

// Local is the disk of this system.
type Local struct{}

// OpenRoot opens a directory of this system, as [os.OpenRoot] does. Other disks have neither users nor processes.
func (Local) OpenRoot(name string) (*os.Root, error) { return os.OpenRoot(name) }

// OpenFile implements [Disk].
func (Local) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := openFile(name, flag, perm)
	if err != nil {
		return nil, err // not a nil *os.File in a File
	}
	return f, nil
}

// MkdirAll implements [Disk]. Most directories are new in one that exists, which takes one system call.
func (Local) MkdirAll(name string, perm fs.FileMode) error {
	if os.Mkdir(name, perm) == nil {
		return nil
	}
	return os.MkdirAll(name, perm)
}

// Rename implements [Disk].
func (Local) Rename(from, to string) error { return os.Rename(from, to) }

// Symlink implements [Disk].
func (Local) Symlink(target, name string) error { return os.Symlink(target, name) }

// Readlink implements [Disk].
func (Local) Readlink(name string) (string, error) { return os.Readlink(name) }

// Lstat implements [Disk].
func (Local) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// ReadDir implements [Disk].
func (Local) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Remove implements [Disk].
func (Local) Remove(name string) error { return os.Remove(name) }

// RemoveAll implements [Disk], however deep the directories are that somebody has made.
func (Local) RemoveAll(name string) error { return removeAll(name) }

// Chtimes implements [Disk].
func (Local) Chtimes(name string, used, changed time.Time) error {
	return os.Chtimes(name, used, changed)
}
