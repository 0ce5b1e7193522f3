//go:build linux

package descent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrMoved is the error of a walk during which a directory was moved. What was not visited by then is not visited.
var ErrMoved = errors.New("a directory was moved meanwhile")

// Visitor is told what is in a tree. Functions may be nil. The first error ends the walk.
type Visitor struct {
	// Enter is called with each directory, which is open for the call, before those in it.
	Enter func(dir int) error
	// File is called for each name in a directory, those of directories as well. No link is followed.
	File func(dir int, name string) error
	// Leave is called with each directory but the uppermost, by its name in the one around it, when all in it were visited.
	Leave func(around int, name string) error
	// Unopened is called with the error for a directory that cannot be opened, which is then not visited. Without it such an
	// error ends the walk.
	Unopened func(error)
}

// level is a directory on the way from the uppermost to the one that is open.
type level struct {
	name     string   // in the one around it
	left     []string // the directories in it that were not visited
	dev, ino uint64
}

// Walk visits a directory and all below it. Links are not followed, and what is gone meanwhile is not visited. It blocks.
func Walk(path string, v Visitor) error {
	dir, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err := v.walk(&dir); err != nil {
		err = fmt.Errorf("below %s: %w", path, err)
		return errors.Join(err, unix.Close(dir))
	}
	return unix.Close(dir)
}

// walk visits all below an open directory. In the end another one may be open instead.
func (v Visitor) walk(dir *int) error {
	top, err := v.enter(*dir, "")
	if err != nil {
		return err
	}
	way := []level{top}
	for {
		last := &way[len(way)-1]
		switch {
		case len(last.left) > 0:
			name := last.left[len(last.left)-1]
			last.left = last.left[:len(last.left)-1]
			below, err := unix.Openat(*dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			if gone(err) {
				continue
			}
			if err != nil {
				err = &os.PathError{Op: "open", Path: name, Err: err}
				if v.Unopened == nil {
					return err
				}
				v.Unopened(err)
				continue
			}
			unix.Close(*dir)
			*dir = below
			next, err := v.enter(below, name)
			if err != nil {
				return err
			}
			way = append(way, next)
		case len(way) == 1:
			return nil
		default:
			if err := v.leave(dir, *last, way[len(way)-2]); err != nil {
				return err
			}
			way = way[:len(way)-1]
		}
	}
}

func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// enter visits an open directory.
func (v Visitor) enter(dir int, name string) (l level, err error) {
	if v.Enter != nil {
		if err := v.Enter(dir); err != nil {
			return l, err
		}
	}
	var about unix.Stat_t
	if err := unix.Fstat(dir, &about); err != nil {
		return l, os.NewSyscallError("fstat", err)
	}
	l = level{name: name, dev: about.Dev, ino: about.Ino}
	buffer := make([]byte, 4<<10)
	for {
		n, err := unix.ReadDirent(dir, buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil && !gone(err) {
			return l, os.NewSyscallError("getdents64", err)
		}
		if n <= 0 {
			return l, nil
		}
		if err := v.entries(dir, buffer[:n], &l); err != nil {
			return l, err
		}
	}
}

// entries visits what the kernel says about names in a directory: struct linux_dirent64.
func (v Visitor) entries(dir int, all []byte, l *level) error {
	const lengthAt, kindAt, nameAt = 16, 18, 19
	for len(all) > nameAt {
		length := int(binary.NativeEndian.Uint16(all[lengthAt:]))
		kind, word := all[kindAt], all[nameAt:length]
		all = all[length:]
		end := bytes.IndexByte(word, 0)
		name := string(word[:max(end, 0)])
		if name == "." || name == ".." {
			continue
		}
		if v.File != nil {
			if err := v.File(dir, name); err != nil {
				return err
			}
		}
		if kind == unix.DT_DIR || kind == unix.DT_UNKNOWN { // opening it tells
			l.left = append(l.left, name)
		}
	}
	return nil
}

// leave goes back to the directory around one, which must be the one from which it was entered.
func (v Visitor) leave(dir *int, from, around level) error {
	up, err := unix.Openat(*dir, "..", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "..", Err: err}
	}
	unix.Close(*dir)
	*dir = up
	var about unix.Stat_t
	if err := unix.Fstat(up, &about); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if about.Dev != around.dev || about.Ino != around.ino {
		return ErrMoved
	}
	if v.Leave == nil {
		return nil
	}
	return v.Leave(up, from.name)
}
