package fetcher

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// extract unpacks an archive beside itself. What it is is told by its name; a file with any other is left as it is.
// Nothing is written outside the sandbox, whatever the archive says.
func extract(sandbox *os.Root, name string) error {
	unpack := archiveType(name)
	if unpack == nil {
		return nil
	}
	f, err := sandbox.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unpack(sandbox, name, f); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

type unpacker func(sandbox *os.Root, name string, f *os.File) error

func archiveType(name string) unpacker {
	for _, known := range []struct {
		suffixes []string
		unpack   unpacker
	}{
		{[]string{".tar"}, tarball(func(r io.Reader) (io.Reader, error) { return r, nil })},
		{[]string{".tgz", ".tar.gz"}, tarball(func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })},
		{[]string{".tbz2", ".tar.bz2"}, tarball(func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil })},
		{[]string{".txz", ".tar.xz"}, tarball(func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) })},
		{[]string{".gz"}, gunzip},
		{[]string{".zip"}, unzip},
	} {
		for _, suffix := range known.suffixes {
			if strings.HasSuffix(name, suffix) {
				return known.unpack
			}
		}
	}
	return nil
}

func tarball(decompress func(io.Reader) (io.Reader, error)) unpacker {
	return func(sandbox *os.Root, _ string, f *os.File) error {
		plain, err := decompress(f)
		if err != nil {
			return err
		}
		for archive := tar.NewReader(plain); ; {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = untar(sandbox, h, archive)
			}
			if err != nil {
				return err
			}
		}
	}
}

func untar(sandbox *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		return sandbox.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return sandbox.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return sandbox.Link(filepath.Clean(h.Linkname), name)
	case tar.TypeReg:
		return write(sandbox, name, h.FileInfo().Mode().Perm(), content)
	}
	return nil // devices and the like are not for sandboxes
}

func unzip(sandbox *os.Root, _ string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		name := filepath.Clean(entry.Name)
		if entry.FileInfo().IsDir() {
			if err := sandbox.MkdirAll(name, 0o755); err != nil {
				return err
			}
			continue
		}
		content, err := entry.Open()
		if err != nil {
			return err
		}
		err = write(sandbox, name, entry.Mode().Perm(), content)
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func gunzip(sandbox *os.Root, name string, f *os.File) error {
	plain, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	return write(sandbox, strings.TrimSuffix(name, ".gz"), 0o644, plain)
}

func write(sandbox *os.Root, name string, mode os.FileMode, content io.Reader) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := sandbox.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := sandbox.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode|0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
