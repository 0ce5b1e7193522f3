package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"meseta/actors/updatestream"
)

// Disk is where a [Store] writes. Its methods block.
type Disk interface {
	// Replace makes path a file with that content, which is on the medium afterwards. Whoever reads it, after a crash too,
	// sees the old file or the new one.
	Replace(path string, content []byte) error
	// OpenLog opens the file of a task's status updates, which is made if need be. What is written to it is on the medium
	// when the call returns.
	OpenLog(path string) (updatestream.File, error)
	// MkdirAll makes a directory and those above it.
	MkdirAll(path string) error
	// Link makes name a symbolic link, in place of one that is there.
	Link(target, name string) error
	// Remove deletes path with all below it. It is no error that it is not there.
	Remove(path string) error
	// Touch makes path look as if it had changed at that time.
	Touch(path string, at time.Time) error
	// Sync puts on the medium what a directory lists. It is no error that it is not there.
	Sync(directory string) error
}

// Local is the disk of this system.
type Local struct{}

// Replace implements [Disk].
func (Local) Replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	for _, step := range []func() error{
		func() error { return f.Chmod(0o644) }, f.Sync, func() error { return os.Rename(f.Name(), path) },
	} {
		if err == nil {
			err = step()
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// OpenLog implements [Disk].
func (d Local) OpenLog(path string) (updatestream.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	_, missing := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_SYNC, 0o644)
	if err != nil || missing == nil {
		return f, err
	}
	if err := d.Sync(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// MkdirAll implements [Disk].
func (Local) MkdirAll(path string) error { return os.MkdirAll(path, 0o755) }

// Link implements [Disk].
func (Local) Link(target, name string) error {
	fresh := name + ".new"
	_ = os.Remove(fresh)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(target, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, name)
}

// Remove implements [Disk].
func (Local) Remove(path string) error { return os.RemoveAll(path) }

// Touch implements [Disk].
func (Local) Touch(path string, at time.Time) error { return os.Chtimes(path, at, at) }

// Sync implements [Disk].
func (Local) Sync(directory string) error {
	f, err := os.Open(directory)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
