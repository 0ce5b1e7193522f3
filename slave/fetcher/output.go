package fetcher

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// create opens a regular file in the sandbox for writing, in place of what it held.
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

// output is a file that is written to while the fetch is wanted and the disk has room.
type output struct {
	file *os.File
	of   *fetch
}

// step is how many bytes are written before the fetch is looked at again.
const step = 4 << 20

// Write implements [io.Writer].
func (o *output) Write(b []byte) (int, error) {
	if err := o.spend(int64(len(b))); err != nil {
		return 0, err
	}
	return o.file.Write(b)
}

// spend reports why n more bytes must not be written.
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
		return nil //nolint:nilerr // the disk will say when it is full
	}
	if reserve := reserved(size); free < reserve {
		return fmt.Errorf("no room: %s are free of the disk's %s, and fetches leave %s", megabytes(free), megabytes(size), megabytes(reserve))
	}
	return nil
}

// Room tells how much of the disk that holds a file is free, and how large that is, in bytes.
type Room func(*os.File) (free, size uint64, err error)

func room(file *os.File) (free, size uint64, err error) {
	var s unix.Statfs_t
	err = unix.Fstatfs(int(file.Fd()), &s)
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), os.NewSyscallError("fstatfs", err)
}

// reserved is how much of a disk fetches leave free, for the agent and other tasks: a twentieth, or a gigabyte if that is
// less.
func reserved(size uint64) uint64 { return min(size/20, 1<<30) }

func megabytes(n uint64) string { return fmt.Sprintf("%dMB", n>>20) }

// closed closes what was written to, and empties it if err says that writing failed.
func closed(o *output, err error) error {
	if err != nil {
		_ = o.file.Truncate(0) // what cannot be emptied goes with the sandbox
	}
	if failed := o.file.Close(); err == nil {
		err = failed
	}
	return err
}
