package fetcher

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// create creates or truncates a regular file in the sandbox.
func (f *fetch) create(name string, mode os.FileMode) (*output, error) {
	file, err := f.Sandbox.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|unix.O_NONBLOCK, mode)
	if errors.Is(err, unix.EISDIR) {
		return nil, errors.New("`destination` was a directory")
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s in the sandbox is not a regular file", name)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &output{file: file, of: f}, nil
}

// output is a file being written. Writing fails when the fetch is canceled or the disk has no room.
type output struct {
	file *os.File
	of   *fetch
}

// step is the number of bytes written between two checks of the room on the disk.
const step = 4 << 20

// Write implements [io.Writer].
func (o *output) Write(b []byte) (int, error) {
	if err := o.spend(int64(len(b))); err != nil {
		return 0, err
	}
	return o.file.Write(b)
}

// spend returns an error if n more bytes must not be written.
func (o *output) spend(n int64) error {
	if err := context.Cause(o.of.ctx); err != nil {
		return err
	}
	if o.of.unchecked += n; o.of.unchecked < step {
		return nil
	}
	o.of.unchecked = 0
	free, size, err := o.of.Room(o.file)
	if err != nil {
		return nil //nolint:nilerr // writing fails when the disk is full
	}
	if reserve := reserved(size); free < reserve {
		return fmt.Errorf("no room: %s are free of the disk's %s, and fetches leave %s", megabytes(free), megabytes(size), megabytes(reserve))
	}
	return nil
}

// Room returns the free space and the size of the file system that holds a file, in bytes.
type Room func(*os.File) (free, size uint64, err error)

func room(file *os.File) (free, size uint64, err error) {
	var s unix.Statfs_t
	err = unix.Fstatfs(int(file.Fd()), &s)
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), os.NewSyscallError("fstatfs", err)
}

// reserved returns the number of bytes that fetches leave free on a disk of that size: a twentieth of it, at most 1 GiB.
func reserved(size uint64) uint64 { return min(size/20, 1<<30) }

func megabytes(n uint64) string { return fmt.Sprintf("%dMB", n>>20) }

// closed closes an output. If err is not nil, it empties the file first. It returns the first error.
func closed(o *output, err error) error {
	if err != nil {
		_ = o.file.Truncate(0) // the file is removed with the sandbox
	}
	if failed := o.file.Close(); err == nil {
		err = failed
	}
	return err
}
