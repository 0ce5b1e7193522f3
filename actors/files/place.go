package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What can be wrong with a request for a file. An [InvalidError] is the client's mistake as well; everything else is the
// machine's.
var (
	ErrNotFound  = errors.New("no such file")
	ErrForbidden = errors.New("not allowed")
)

// InvalidError says what is wrong with a request.
type InvalidError string

// Error returns the text, which is shown to the client.
func (e InvalidError) Error() string { return string(e) }

// place is where a virtual path leads to: what is attached, and what follows.
type place struct {
	attached string // canonical
	rest     string // relative, as the client wrote it; empty: the attached itself
}

// open opens what is there, which may be a folder. It is never outside of what is attached: the path is resolved first,
// and then opened through a handle of the attached folder that follows no link out of it, whatever has become of the
// path meanwhile. Name is its canonical path.
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
	return file, name, p.unopened(err)
}

// readOnly does not wait for somebody to write to a pipe.
const readOnly = os.O_RDONLY | unix.O_NONBLOCK

// resolve returns the canonical path, and what it is below the attached folder.
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

// translate says what an error of the file system means to the client.
func (p place) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return ErrNotFound
	}
	return InvalidError(fmt.Sprintf("Failed to determine canonical path of '%s': %v", p, err))
}

// unopened is translate for files that are there but cannot be opened.
func (p place) unopened(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return p.translate(err)
	}
	return fmt.Errorf("Failed to open file at '%s': %w", p, err)
}

// String is the path before links are followed.
func (p place) String() string {
	if p.rest == "" {
		return p.attached
	}
	return p.attached + "/" + p.rest
}

// openRegular opens a file that has content; what is the matter with a folder is told by folder.
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
