package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// The errors of requests for files. An [InvalidError] is the client's fault as well; all other errors are the
// machine's.
var (
	ErrNotFound  = errors.New("no such file")
	ErrForbidden = errors.New("not allowed")
)

// InvalidError describes what is wrong with a request.
type InvalidError string

// Error returns the description, which is sent to the client.
func (e InvalidError) Error() string { return string(e) }

// place is a resolved virtual path: an attachment and a path below it.
type place struct {
	attached string // canonical
	rest     string // relative, as the client wrote it; empty: the attachment itself
}

// open opens the file or directory at p, and returns it with its canonical path. The result is never outside the
// attachment: the path is resolved first, and then opened through a handle of the attached directory that follows no
// link out of it, whatever has happened to the path in between. Neither is it another user's file that was given a
// second name inside.
func (p place) open() (file *os.File, name string, err error) {
	info, err := os.Lstat(p.attached)
	switch {
	case err != nil:
		return nil, "", p.translate(err)
	case !info.IsDir() && p.rest != "":
		return nil, "", ErrNotFound
	case !info.IsDir():
		file, err = os.OpenFile(p.attached, readOnly, 0)
		return file, p.attached, p.unopened(err)
	}
	name, relative, err := p.resolve()
	if err != nil {
		return nil, "", err
	}
	root, err := os.OpenRoot(p.attached)
	if err != nil {
		return nil, "", p.translate(err)
	}
	defer root.Close()
	file, err = root.OpenFile(relative, readOnly, 0)
	if err == nil && foreign(file, info) {
		file.Close()
		return nil, "", ErrForbidden
	}
	return file, name, p.unopened(err)
}

// foreign reports whether a file with several names does not belong to the owner of the attached directory. The owner may
// have made one of the names for a file that the owner must not read: Linux allows that unless fs.protected_hardlinks
// is set.
//
// Differs: Mesos shows such files.
func foreign(file *os.File, attached fs.FileInfo) bool {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false // reading it fails, or makes no sense
	}
	s, owner := info.Sys().(*syscall.Stat_t), attached.Sys().(*syscall.Stat_t)
	return s.Nlink > 1 && s.Uid != owner.Uid
}

// readOnly opens a file without blocking on a named pipe.
const readOnly = os.O_RDONLY | unix.O_NONBLOCK

// resolve returns the canonical path and the same path relative to the attached directory.
func (p place) resolve() (name, relative string, err error) {
	name, err = filepath.EvalSymlinks(p.attached + "/" + p.rest)
	if err != nil {
		return "", "", p.translate(err)
	}
	relative, err = filepath.Rel(p.attached, name)
	if err != nil || !filepath.IsLocal(relative) {
		return "", "", InvalidError(fmt.Sprintf("'%s' is inaccessible", p))
	}
	return name, relative, nil
}

// translate converts an error of the file system into an error for the client.
func (p place) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return ErrNotFound
	}
	return InvalidError(fmt.Sprintf("Failed to determine canonical path of '%s': %v", p, err))
}

// unopened is like translate, for files that exist but cannot be opened.
func (p place) unopened(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return p.translate(err)
	}
	return fmt.Errorf("Failed to open file at '%s': %w", p, err)
}

// String returns the path with its links unresolved.
func (p place) String() string {
	if p.rest == "" {
		return p.attached
	}
	return p.attached + "/" + p.rest
}

// openRegular opens a regular file. folder is the error message for a directory.
func (p place) openRegular(folder string) (file *os.File, name string, size int64, err error) {
	file, name, err = p.open()
	if err != nil {
		return nil, "", 0, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = InvalidError(folder)
	case !info.Mode().IsRegular():
		err = InvalidError(fmt.Sprintf("'%s' is not a regular file", p))
	default:
		return file, name, info.Size(), nil
	}
	return nil, "", 0, errors.Join(err, file.Close())
}
