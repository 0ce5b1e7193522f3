// Package sandbox creates, opens and removes files below the sandbox of a task. The task's user may put anything there
// at any moment: links to files and directories of others, hard links to such files, pipes.
//
// The outermost sandbox of a container is in directories of the agent and is opened by its path. Everything below is
// reached from there directory by directory, never through a symbolic link. Ownership is changed by open file, never by
// name.
package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/actors/account"
	"meseta/runtime/disk"
)

// Owner is the user that gets a file; nil means the agent's user.
type Owner = *account.Account

// Place is a sandbox, or a directory in it.
type Place struct {
	Root  string   // the outermost sandbox, in directories of the agent
	Below []string // the names of the directories that lead from there
}

// Path returns the path of the place, for people and for processes in it.
func (p Place) Path() string { return filepath.Join(p.Root, filepath.Join(p.Below...)) }

// Within returns a place below p. Each name is that of one directory.
func (p Place) Within(names ...string) Place {
	return Place{Root: p.Root, Below: append(append([]string(nil), p.Below...), names...)}
}

// Open opens the directory. It fails if a link is on the way.
func (p Place) Open() (*os.Root, error) {
	at, err := os.OpenRoot(p.Root)
	for _, name := range p.Below {
		if err != nil {
			return nil, err
		}
		at, err = descend(at, name)
	}
	return at, err
}

// Make creates the directory with its parents, for owner and closed to others, and opens it. One that exists must
// belong to the agent or to owner.
//
// Mesos: createSandboxDirectory.
//
// Differs: Mesos follows links.
func (p Place) Make(owner Owner) (*os.Root, error) {
	at, err := os.OpenRoot(p.Root)
	for _, name := range p.Below {
		if err != nil {
			return nil, err
		}
		if err = at.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			at.Close()
			return nil, err
		}
		at, err = descend(at, name)
	}
	if err != nil {
		return nil, err
	}
	if err := p.give(at, owner); err != nil {
		at.Close()
		return nil, err
	}
	return at, nil
}

func (p Place) give(at *os.Root, owner Owner) error {
	info, err := at.Stat(".")
	if err != nil {
		return err
	}
	uid := int(info.Sys().(*syscall.Stat_t).Uid)
	if uid != os.Geteuid() && (owner == nil || uid != int(owner.UID)) {
		return fmt.Errorf("%s belongs to another user", p.Path())
	}
	if err := at.Chmod(".", 0o750); err != nil || owner == nil || owner.Own() {
		return err
	}
	return at.Chown(".", int(owner.UID), int(owner.GID))
}

// descend opens a directory in at, and closes at. If the name is replaced meanwhile, it opens the directory that had
// the name, and never follows a link.
func descend(at *os.Root, name string) (*os.Root, error) {
	defer at.Close()
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, filepath.Separator) {
		return nil, fmt.Errorf("%q is no name of a folder", name)
	}
	named, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(at.Name(), name)
	if !named.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	below, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := below.Stat(".")
	if err == nil && !os.SameFile(named, opened) {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("it changed meanwhile")}
	}
	if err != nil {
		below.Close()
		return nil, err
	}
	return below, nil
}

// Append opens a file for appending. It creates the file for owner if it does not exist. One that exists must be a
// regular file of the owner without further hard links.
func Append(at *os.Root, name string, owner Owner) (*os.File, error) {
	f, err := at.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		if owner != nil && !owner.Own() {
			err = f.Chown(int(owner.UID), int(owner.GID))
		}
	} else if errors.Is(err, fs.ErrExist) {
		if f, err = at.OpenFile(name, os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK, 0); err == nil {
			err = trusted(at, name, f, owner)
		}
	}
	if err != nil && f != nil {
		f.Close()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// trusted returns an error if an existing file must not be written.
func trusted(at *os.Root, name string, f *os.File, owner Owner) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := at.Lstat(name)
	if err != nil {
		return err
	}
	uid := uint32(os.Geteuid())
	if owner != nil {
		uid = owner.UID
	}
	s := opened.Sys().(*syscall.Stat_t)
	if !opened.Mode().IsRegular() || !os.SameFile(named, opened) || s.Nlink != 1 || s.Uid != uid {
		return &fs.PathError{Op: "open", Path: name, Err: errors.New("it is not a regular file of the sandbox's owner")}
	}
	return nil
}

// Remove deletes the directory and its contents. It succeeds if there is none.
func (p Place) Remove() error {
	parent := Place{Root: filepath.Dir(p.Root)}
	name := filepath.Base(p.Root)
	if last := len(p.Below) - 1; last >= 0 {
		parent, name = Place{Root: p.Root, Below: p.Below[:last]}, p.Below[last]
	}
	at, err := parent.Open()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer at.Close()
	return disk.RemoveIn(at, name)
}
