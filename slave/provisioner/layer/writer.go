package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk"
)

// Writer creates the files of layers below a directory. After an error nothing more may be put.
type Writer struct {
	root      *os.Root
	whiteouts Whiteouts
	left      Limits
	owners    bool // whether files get their owners, which only root can give
	folders   map[string]*tar.Header
	order     []string // of folders
	block     []byte   // of the file that is being written
}

// NewWriter returns a writer below a directory, which stays the caller's.
func NewWriter(dir *os.Root, w Whiteouts, l Limits) *Writer {
	return &Writer{root: dir, whiteouts: w, left: l, owners: os.Geteuid() == 0, folders: map[string]*tar.Header{}}
}

// Close gives directories their modes and times, which could not be given before they were filled.
func (w *Writer) Close() error {
	for i := range w.order {
		name := w.order[len(w.order)-1-i]
		info, err := w.root.Lstat(name)
		if err != nil || !info.IsDir() { // another entry has replaced it
			continue
		}
		if err := w.finish(name, w.folders[name]); err != nil {
			return failed(name, err)
		}
	}
	return nil
}

// Put creates a file, a directory, a link or a device, in place of what has its name.
func (w *Writer) Put(h *tar.Header, content io.Reader) error {
	name, err := local(h.Name)
	if err != nil {
		return err
	}
	if w.left.Entries--; w.left.Entries < 0 {
		return errors.New("the layer has more files than it may have")
	}
	if w.left.Bytes -= max(h.Size, 0); w.left.Bytes < 0 {
		return errors.New("the layer is larger than it may be")
	}
	if err := w.put(name, h, content); err != nil {
		return failed(name, err)
	}
	return nil
}

func failed(name string, err error) error {
	return fmt.Errorf("create '%s' of the layer: %w", name, err)
}

// local returns a name below the directory. Names that begin at the root are meant so.
func local(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("the layer has a file '%s', which is outside of it", name)
		}
	}
	return path.Clean("./" + name), nil
}

func (w *Writer) put(name string, h *tar.Header, content io.Reader) error {
	if err := w.makeParents(path.Dir(name)); err != nil {
		return err
	}
	if base := path.Base(name); w.whiteouts != Keep && strings.HasPrefix(base, prefix) {
		return w.whiteout(path.Dir(name), base)
	}
	hidden, err := w.makeRoom(name, h)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return w.folder(name, h, hidden)
	case tar.TypeReg:
		return w.file(name, h, content)
	case tar.TypeLink:
		target, err := local(h.Linkname)
		if err != nil {
			return err
		}
		return w.root.Link(target, name)
	case tar.TypeSymlink:
		if err := w.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		return w.finish(name, h)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		if err := w.device(name, h); err != nil {
			return err
		}
		return w.finish(name, h)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("its type '%c' is unknown", h.Typeflag)
}

// makeParents creates the directories that the archive has not, because they are in a layer below.
func (w *Writer) makeParents(dir string) error {
	if info, err := w.root.Lstat(dir); err == nil && info.IsDir() {
		return nil
	}
	return w.root.MkdirAll(dir, 0o755)
}

// makeRoom removes what has the name of an entry, except a directory for a directory. It reports whether that was a
// whiteout of overlayfs.
func (w *Writer) makeRoom(name string, h *tar.Header) (hidden bool, err error) {
	info, err := w.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || name == "." || info.IsDir() && h.Typeflag == tar.TypeDir {
		return false, err
	}
	return w.whiteouts == Overlay && info.Mode()&fs.ModeCharDevice != 0, disk.RemoveIn(w.root, name)
}

// folder creates a directory. Without the right to read it, nothing could be created in it until the writer is closed.
func (w *Writer) folder(name string, h *tar.Header, hidden bool) error {
	if name != "." {
		if err := w.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if w.folders[name] == nil {
		w.order = append(w.order, name)
	}
	w.folders[name] = h
	if hidden {
		return w.hideBelow(name)
	}
	return nil
}

func (w *Writer) file(name string, h *tar.Header, content io.Reader) error {
	f, err := w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = w.fill(f, content)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return w.finish(name, h)
}

// blockSize is how many zeros in a row become a hole.
const blockSize = 32 << 10

// zeros is a block of them.
var zeros [blockSize]byte

// fill writes a file. Zeros become holes: a small archive may say that there are many, and must not fill the disk with them.
func (w *Writer) fill(f *os.File, content io.Reader) error {
	if w.block == nil {
		w.block = make([]byte, blockSize)
	}
	size, err := int64(0), error(nil)
	for err == nil {
		n := 0
		for n < blockSize && err == nil {
			var more int
			more, err = content.Read(w.block[n:])
			n += more
		}
		if !bytes.Equal(w.block[:n], zeros[:n]) {
			if _, err := f.WriteAt(w.block[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return f.Truncate(size)
}

// finish gives what was created its owner, mode, attributes and time, in the order in which one does not undo the other.
func (w *Writer) finish(name string, h *tar.Header) error {
	if w.owners {
		if err := w.root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if h.Typeflag != tar.TypeSymlink {
		const settable = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
		if err := w.root.Chmod(name, h.FileInfo().Mode()&settable); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir {
		if err := w.attributes(name, h); err != nil {
			return err
		}
	}
	return w.touch(name, h.ModTime)
}

// attributeRecord precedes the name of an extended attribute in the records of an archive.
const attributeRecord = "SCHILY.xattr."

// attributes sets the extended attributes. Those of overlayfs are the kernel's and ours: an image must not tell it where
// files are.
func (w *Writer) attributes(name string, h *tar.Header) error {
	var f *os.File
	for record, value := range h.PAXRecords {
		attribute, found := strings.CutPrefix(record, attributeRecord)
		if !found || strings.HasPrefix(attribute, "trusted.") {
			continue
		}
		if f == nil {
			var err error
			if f, err = w.root.Open(name); err != nil {
				return err
			}
			defer f.Close()
		}
		err := unix.Fsetxattr(int(f.Fd()), attribute, []byte(value), 0)
		if err != nil && !errors.Is(err, unix.ENOTSUP) && (w.owners || !errors.Is(err, unix.EPERM)) {
			return fmt.Errorf("set its attribute %s: %w", attribute, err)
		}
	}
	return nil
}

func (w *Writer) touch(name string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	return w.beside(name, func(dir int, base string) error {
		t := unix.NsecToTimespec(at.UnixNano())
		return unix.UtimesNanoAt(dir, base, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// beside calls work with the open directory of a file and the file's name in it.
func (w *Writer) beside(name string, work func(dir int, base string) error) error {
	dir, err := w.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return work(int(dir.Fd()), path.Base(name))
}

// device creates a device or a pipe. What a container may do with devices, its control group decides.
func (w *Writer) device(name string, h *tar.Header) error {
	kind := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
	number := unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
	if h.Typeflag == tar.TypeFifo {
		number = 0
	}
	return w.beside(name, func(dir int, base string) error { return unix.Mknodat(dir, base, kind|0o600, int(number)) })
}
