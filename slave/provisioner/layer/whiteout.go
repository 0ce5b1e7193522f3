package layer

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk"
)

// whiteout carries out a whiteout of a directory.
func (w *Writer) whiteout(dir, base string) error {
	switch name := path.Join(dir, strings.TrimPrefix(base, prefix)); {
	case base == opaque && w.whiteouts == Overlay:
		return w.hideBelow(dir)
	case base == opaque:
		return w.empty(dir)
	case strings.HasPrefix(base, prefix+prefix): // of aufs itself
		return nil
	case name == dir, path.Base(name) == "..":
		return errors.New("it hides nothing that has a name")
	case w.whiteouts == Overlay:
		return w.hide(name)
	default:
		return disk.RemoveIn(w.root, name)
	}
}

// hide hides a file of the layers below. What this layer has of that name stays: it is newer.
func (w *Writer) hide(name string) error {
	info, err := w.root.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		return w.hideBelow(name)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return w.beside(name, func(dir int, base string) error { return unix.Mknodat(dir, base, unix.S_IFCHR, 0) })
}

// hideBelow hides what the layers below have in a directory.
func (w *Writer) hideBelow(dir string) error {
	f, err := w.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fsetxattr(int(f.Fd()), "trusted.overlay.opaque", []byte("y"), 0)
}

// empty deletes what is in a directory.
func (w *Writer) empty(dir string) error {
	f, err := w.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		err = errors.Join(err, disk.RemoveIn(w.root, path.Join(dir, name)))
	}
	return err
}
