//go:build linux

package descent

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Remove removes path with everything below it, however deep that is: [os.RemoveAll] has as many directories open as it is deep in
// the tree. No link is followed, but on the way to path. What cannot be removed does not keep the rest; the error is the first. A path
// that does not exist is no error. Remove blocks.
func Remove(path string) error { return remove(unix.AT_FDCWD, path) }

// RemoveIn removes name in an open directory, as [Remove] does.
func RemoveIn(dir *os.File, name string) error { return remove(int(dir.Fd()), name) }

// rounds is how often a tree is visited that others add to meanwhile, or whose file system does not list all names while some go.
const rounds = 3

func remove(in int, path string) (err error) {
	for range rounds {
		err = drop(in, path)
		if !occupied(err) {
			return err
		}
		if err = empty(in, path); err != nil && !occupied(err) && !errors.Is(err, ErrMoved) {
			return err
		}
	}
	if left := drop(in, path); !occupied(left) {
		return left
	}
	return err
}

// empty removes what is in a directory.
func empty(in int, path string) error {
	dir, err := unix.Openat(in, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if gone(err) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	var first error
	note := func(err error) {
		if first == nil && err != nil {
			first = fmt.Errorf("below %s: %w", path, err)
		}
	}
	err = Visitor{
		File: func(dir int, name string) error {
			if err := unlink(dir, name); !occupied(err) {
				note(err)
			}
			return nil
		},
		Leave:    func(around int, name string) error { note(unlink(around, name)); return nil },
		Unopened: note,
	}.walk(&dir)
	note(err)
	unix.Close(dir)
	return first
}

// unlink removes a file, a link or an empty directory, whose name is more likely that of a file.
func unlink(in int, name string) error {
	err := unix.Unlinkat(in, name, 0)
	if errors.Is(err, unix.EISDIR) {
		err = unix.Unlinkat(in, name, unix.AT_REMOVEDIR)
	}
	return removed(name, err)
}

// drop does what unlink does with a name that is more likely that of a directory.
func drop(in int, name string) error {
	err := unix.Unlinkat(in, name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTDIR) {
		err = unix.Unlinkat(in, name, 0)
	}
	return removed(name, err)
}

// removed returns the error of having removed a name. It is none if there was no such name.
func removed(name string, err error) error {
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &os.PathError{Op: "unlinkat", Path: name, Err: err}
}

// occupied reports whether a directory could not be removed since something is in it.
func occupied(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }
