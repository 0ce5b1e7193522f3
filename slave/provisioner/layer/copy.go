package layer

import (
	"archive/tar"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Copy puts the files of a layer in one directory, with its whiteouts as files, on those of another.
func Copy(ctx context.Context, from, to *os.Root, l Limits) error {
	c := copier{ctx: ctx, from: from, out: NewWriter(to, Apply, l), linked: map[inode]string{}}
	if err := c.folder("."); err != nil {
		return err
	}
	return c.out.Close()
}

type copier struct {
	ctx    context.Context
	from   *os.Root
	out    *Writer
	linked map[inode]string // the first name of each file that has several
}

type inode struct{ device, number uint64 }

// folder copies a directory: first its whiteouts, which are about the layers below and not about this one.
func (c *copier) folder(name string) error {
	f, err := c.from.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := c.entry(name, info, f); err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b string) int {
		if a, b := strings.HasPrefix(a, prefix), strings.HasPrefix(b, prefix); a != b {
			if a {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, inner := range names {
		if err := c.any(path.Join(name, inner)); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) any(name string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	info, err := c.from.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return c.folder(name)
	case !info.Mode().IsRegular():
		return c.entry(name, info, nil)
	}
	f, err := c.from.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.entry(name, info, f)
}

// entry copies a file. f is open if it is a regular one or a directory.
func (c *copier) entry(name string, info fs.FileInfo, f *os.File) error {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = c.from.Readlink(name); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return fmt.Errorf("copy '%s' of the layer: %w", name, err)
	}
	h.Name = name
	if info.IsDir() {
		h.Size = 0
	}
	if stat := info.Sys().(*syscall.Stat_t); stat.Nlink > 1 && !info.IsDir() {
		id := inode{uint64(stat.Dev), stat.Ino}
		if first := c.linked[id]; first != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			c.linked[id] = name
		}
	}
	if f != nil && h.Typeflag != tar.TypeLink {
		if h.PAXRecords, err = attributesOf(f); err != nil {
			return fmt.Errorf("copy '%s' of the layer: %w", name, err)
		}
	}
	return c.out.Put(h, &interruptible{c.ctx, f})
}

// attributesOf returns the extended attributes of a file, as records of an archive.
func attributesOf(f *os.File) (map[string]string, error) {
	size, err := unix.Flistxattr(int(f.Fd()), nil)
	if err == unix.ENOTSUP || err == nil && size == 0 {
		return nil, nil
	}
	list := make([]byte, max(size, 0))
	if err == nil {
		size, err = unix.Flistxattr(int(f.Fd()), list)
	}
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimRight(string(list[:size]), "\x00"), "\x00") {
		value := make([]byte, 64<<10) // the most that Linux has
		n, err := unix.Fgetxattr(int(f.Fd()), name, value)
		if err == unix.ENODATA {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[attributeRecord+name] = string(value[:n])
	}
	return all, nil
}
