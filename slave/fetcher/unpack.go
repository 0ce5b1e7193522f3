package fetcher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unpacker unpacks the entries of an archive into the sandbox. It replaces files that exist, creates directories as
// necessary, and sets modes, as far as the umask allows, and times. Absolute names end in the sandbox; names with ..
// are refused.
//
// Mesos: archive_write_disk of libarchive with ARCHIVE_EXTRACT_TIME and ARCHIVE_EXTRACT_SECURE_NODOTDOT.
//
// Differs: links that lead out of the sandbox are created, but not followed. Devices, pipes and sockets are skipped.
type unpacker struct {
	*fetch
	folders []folder // get their modes and times at the end
}

// entry is an entry of an archive.
type entry struct {
	name     string
	mode     fs.FileMode
	modified time.Time
	target   string // of a symbolic link
	linked   string // the name of another entry that is the same file
	content  io.Reader
}

// folder is a directory that is not finished.
type folder struct {
	name     string
	mode     fs.FileMode
	restrict bool // it temporarily has more permissions than its mode
	modified time.Time
}

func (u *unpacker) put(e entry) error {
	if err := context.Cause(u.ctx); err != nil {
		return err
	}
	name, err := within(e.name)
	if err != nil {
		return err
	}
	if name == "." && !e.mode.IsDir() {
		return fmt.Errorf("%q is no name for a file in the sandbox", e.name)
	}
	if err := u.makeFolders(path.Dir(name)); err != nil {
		return err
	}
	switch {
	case e.linked != "":
		return u.link(name, e.linked)
	case e.mode.IsDir():
		return u.folder(name, e)
	case e.mode.Type() == fs.ModeSymlink:
		if err := u.clear(name); err != nil {
			return err
		}
		if err := u.Sandbox.Symlink(e.target, name); err != nil {
			return err
		}
		return u.setTime(name, e.modified)
	case e.mode.IsRegular():
		return u.file(name, e)
	}
	return nil
}

// within returns the path in the sandbox for a name in an archive.
func within(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%q is no name of a file", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("Path contains '..': %q", name)
		}
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

// makeFolders creates a directory and its parents. It replaces other files with these names.
func (u *unpacker) makeFolders(name string) error {
	if name == "." {
		return nil
	}
	if err := u.makeFolders(path.Dir(name)); err != nil {
		return err
	}
	switch info, err := u.Sandbox.Stat(name); {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		if err := u.clear(name); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err // such as a link that leads out of the sandbox
	}
	return u.Sandbox.Mkdir(name, 0o777)
}

// clear removes what has the name of an entry. A directory is removed only if it is empty.
func (u *unpacker) clear(name string) error {
	if err := u.Sandbox.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// link creates a hard link to an entry.
func (u *unpacker) link(name, linked string) error {
	target, err := within(linked)
	if err != nil {
		return err
	}
	if target == name {
		return nil
	}
	if err := u.clear(name); err != nil {
		return err
	}
	return u.Sandbox.Link(target, name)
}

// folder creates a directory. The mode of one that exists does not change.
func (u *unpacker) folder(name string, e entry) error {
	left := folder{name: name, modified: e.modified}
	if info, err := u.Sandbox.Stat(name); err != nil || !info.IsDir() {
		if err := u.clear(name); err != nil {
			return err
		}
		if err := u.Sandbox.Mkdir(name, e.mode.Perm()); err != nil {
			return err
		}
		made, err := u.Sandbox.Lstat(name) // the umask has been applied
		if err != nil {
			return err
		}
		if left.mode = made.Mode().Perm(); left.mode&0o700 != 0o700 {
			left.restrict = true
			if err := u.Sandbox.Chmod(name, left.mode|0o700); err != nil {
				return err
			}
		}
	}
	u.folders = append(u.folders, left)
	return nil
}

// finish sets the modes and times of directories, the innermost first.
func (u *unpacker) finish() error {
	var errs []error
	for i := len(u.folders) - 1; i >= 0; i-- {
		left := u.folders[i]
		info, err := u.Sandbox.Lstat(left.name)
		if err != nil || !info.IsDir() {
			continue // another entry replaced it
		}
		errs = append(errs, u.setTime(left.name, left.modified))
		if left.restrict {
			errs = append(errs, u.Sandbox.Chmod(left.name, left.mode))
		}
	}
	return errors.Join(errs...)
}

func (u *unpacker) file(name string, e entry) error {
	if err := u.clear(name); err != nil {
		return err
	}
	f, err := u.Sandbox.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, e.mode.Perm())
	if err != nil {
		return err
	}
	out := &holey{output: &output{file: f, of: u.fetch}}
	_, err = io.Copy(out, e.content)
	if err == nil {
		err = out.end()
	}
	if err := closed(out.output, err); err != nil {
		return err
	}
	return u.setTime(name, e.modified)
}

// setTime sets the modification time of a file or link; it does not follow the link.
func (u *unpacker) setTime(name string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	dir, err := u.Sandbox.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	when, err := unix.TimeToTimespec(at)
	if err != nil {
		return nil //nolint:nilerr // a time that the system cannot express is ignored
	}
	err = unix.UtimesNanoAt(int(dir.Fd()), filepath.Base(name), []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	return os.NewSyscallError("utimensat", err)
}

// holey writes a file with holes in place of zeros.
type holey struct {
	*output
	size int64
}

// block is the least size of a hole.
const block = 4096

var zeros [block]byte

// Write implements [io.Writer].
func (h *holey) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		piece := b[written:min(len(b), written+block)]
		n := len(piece)
		var err error
		if n == block && bytes.Equal(piece, zeros[:]) {
			if err = h.spend(0); err == nil {
				_, err = h.file.Seek(int64(n), io.SeekCurrent)
			}
		} else {
			n, err = h.output.Write(piece)
		}
		written += n
		h.size += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// end sets the size of the file, because a hole at the end does not.
func (h *holey) end() error { return h.file.Truncate(h.size) }
