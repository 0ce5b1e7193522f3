package gids

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/actors/account"
	"meseta/messages/ids"
)

// share are the mode bits of a directory in which its group may make files, which are then in that group, too.
const share = unix.S_ISGID | unix.S_IWGRP

// maxDepth bounds how deep directories are followed, each of which is open meanwhile.
const maxDepth = 1000

var errDeep = errors.New("the directories are too deep")

// walk changes the group of files. Somebody may put links to other files in their place at any moment: directories are opened one
// after the other and never through links, and what is mounted there stays as it is.
//
// Mesos: setVolumeOwnership.
//
// Differs: a file that has other names, perhaps elsewhere, stays as it is unless it belongs to the owner of the volume.
type walk struct {
	ctx   context.Context
	owner uint32 // of the volume
	to    uint32
	only  *uint32 // the group that is taken back; nil means that one is given
}

// give changes an open file or directory, after what is in it.
func (w walk) give(fd int, about unix.Stat_t) error { return w.file(fd, about, 0) }

func (w walk) file(fd int, about unix.Stat_t, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	folder := about.Mode&unix.S_IFMT == unix.S_IFDIR
	if folder {
		if err := w.inside(fd, depth); err != nil {
			return err
		}
	} else if about.Nlink > 1 && about.Uid != w.owner {
		return nil
	}
	if w.only != nil && about.Gid != *w.only {
		return nil
	}
	if err := unix.Fchownat(fd, "", -1, int(w.to), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil || !folder {
		return err
	}
	mode := about.Mode &^ unix.S_IFMT
	if w.only == nil {
		mode |= share
	} else {
		mode &^= share
	}
	return unix.Fchmodat(fd, ".", mode, 0)
}

// inside changes what is in an open directory.
func (w walk) inside(fd, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	readable, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(readable), "volume")
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(100)
		for _, name := range names {
			if err := w.entry(readable, name, depth); err != nil {
				return err
			}
		}
		if err != nil || len(names) == 0 { // io.EOF
			return nil
		}
	}
}

func (w walk) entry(dir int, name string, depth int) error {
	fd, about, err := openBelow(dir, name, unix.RESOLVE_NO_XDEV)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EXDEV) { // deleted, or mounted
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return w.file(fd, about, depth+1)
}

// openBelow opens what is at a path below an open directory, without following links. The caller closes it.
func openBelow(dir int, path string, more uint64) (fd int, about unix.Stat_t, err error) {
	fd, err = unix.Openat2(dir, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | more,
	})
	if err != nil {
		return -1, about, err
	}
	if err = unix.Fstat(fd, &about); err != nil {
		unix.Close(fd)
	}
	return fd, about, err
}

// open opens a volume. The way to a sandbox is the agent's; from there on, links are not followed.
func (m *Manager) open(path string, kind Kind) (fd int, about unix.Stat_t, err error) {
	root, rest := path, "."
	if kind == Sandbox {
		root, rest, _ = m.split(path)
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, about, err
	}
	defer unix.Close(dir)
	fd, about, err = openBelow(dir, rest, 0)
	if err == nil && about.Mode&unix.S_IFMT == unix.S_IFLNK {
		unix.Close(fd)
		return -1, about, unix.ELOOP
	}
	return fd, about, err
}

// split returns the outermost sandbox in a path, the way from there, and the container of the sandbox.
func (m *Manager) split(path string) (root, rest string, id ids.Container) {
	base := m.options.WorkDir
	below, inside := strings.CutPrefix(path, base+"/")
	if !inside {
		base, below = "/", strings.TrimPrefix(path, "/")
	}
	before, after, found := strings.Cut("/"+below, "/runs/")
	before += "/runs"
	if alone, standalone := strings.CutPrefix(below, "containers/"); standalone {
		before, after, found = "containers", alone, true
	}
	if !found {
		return filepath.Dir(path), filepath.Base(path), ""
	}
	name, rest, found := strings.Cut(after, "/")
	if !found {
		rest = "."
	}
	return filepath.Join(base, before, name), rest, ids.Container(name)
}

// restore takes the files of an existing volume out of its group and returns them to the group of their owner.
func (m *Manager) restore(v *volume) error {
	fd, about, err := m.open(v.path, v.kind)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil // it is gone, or something else is there
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	to := about.Uid // the usual number of the group of a user that the system does not know any more
	if owner, err := account.Lookup(account.UserName(about.Uid)); err == nil {
		to = owner.GID
	}
	return walk{ctx: context.Background(), owner: about.Uid, to: to, only: &v.gid}.give(fd, about)
}
