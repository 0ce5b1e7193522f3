// Package sandbox makes, opens and removes what is below the sandbox of a task, whose user may put there what it likes
// at any moment: links to files and folders of others, second names of such files, pipes.
//
// The outermost sandbox of a container lies in folders that belong to the agent, and is opened by its path. Everything
// below it is reached from there folder by folder, none of them through a symbolic link, and given away only by the file
// that is open, never by its name.
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
)

// Owner is the user that gets a file; nil leaves it to the agent's user.
type Owner = *account.Account

// Place is a folder in a sandbox: that itself, or one below.
type Place struct {
	Root  string   // the outermost sandbox, in folders of the agent
	Below []string // the folders that lead from there, each a name
}

// Path is where the place is, for people and for processes in it.
func (p Place) Path() string { return filepath.Join(p.Root, filepath.Join(p.Below...)) }

// Within is a place below this one. Each name is that of one folder.
func (p Place) Within(names ...string) Place {
	return Place{Root: p.Root, Below: append(append([]string(nil), p.Below...), names...)}
}

// Open opens the folder. It fails if a link leads there.
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

// Make makes the folder, for owner and closed to others, with those that lead there, and opens it. One that is there
// must be the agent's or the owner's.
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

// descend opens a folder in another, which it closes. Whatever becomes of the name meanwhile, what is opened is the
// folder that had it and not where a link leads.
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

// Append opens a file for appending, and makes it, for owner, if it is not there. One that is there must be a regular
// file of the owner, without other names.
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

// trusted reports why a file that was there already must not be written to.
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

// Remove deletes the folder with all that is in it; one that is not there is deleted.
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
	return at.RemoveAll(name)
}
