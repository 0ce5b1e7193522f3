package fetcher

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
	"github.com/ulikunitz/xz/lzma"
)

// archives lists the suffixes of files that are unpacked. The format is determined by the content.
var archives = []string{".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"}

// extractor returns the function that unpacks a file with that name into the sandbox, or nil if it stays as it is.
//
// Mesos: extract of mesos-fetcher.
func (f *fetch) extractor(name string) func(*os.File) error {
	var unpack func(*os.File) error
	switch {
	case hasSuffix(name, archives):
		unpack = f.unpack
	case strings.HasSuffix(name, ".gz"):
		unpack = func(in *os.File) error { return f.gunzip(in, strings.TrimSuffix(name, ".gz")) }
	default:
		return nil
	}
	return func(in *os.File) error {
		if err := unpack(in); err != nil {
			return fmt.Errorf("Failed to extract archive '%s': %w", name, err)
		}
		return nil
	}
}

// extract unpacks a file in the sandbox, if its name says so.
func (f *fetch) extract(name string) error {
	unpack := f.extractor(name)
	if unpack == nil {
		return nil
	}
	in, err := f.Sandbox.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	return unpack(in)
}

func hasSuffix(name string, suffixes []string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// wanted is a reader that fails when the fetch is canceled.
type wanted struct {
	io.Reader
	ctx context.Context
}

// Read implements [io.Reader].
func (w wanted) Read(b []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.Reader.Read(b)
}

// gunzip writes to the sandbox's top directory, under the last element of the name, as in Mesos.
func (f *fetch) gunzip(in io.Reader, name string) error {
	plain, err := gzip.NewReader(bufio.NewReader(wanted{in, f.ctx}))
	if err != nil {
		return err
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	out, err := f.create(name, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, plain)
	return closed(out, err)
}

// unpack unpacks an archive into the sandbox.
//
// Mesos: archiver::extract.
func (f *fetch) unpack(in *os.File) error {
	u := &unpacker{fetch: f}
	magic := make([]byte, 4)
	n, err := in.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.HasPrefix(magic[:n], []byte("PK\x03\x04")) || bytes.HasPrefix(magic[:n], []byte("PK\x05\x06")) {
		return errors.Join(u.unzip(in), u.finish())
	}
	plain, err := decompress(wanted{in, f.ctx})
	if err != nil {
		return err
	}
	if _, err := plain.Peek(1); errors.Is(err, io.EOF) {
		return nil // an empty file is an empty archive
	}
	return errors.Join(u.untar(plain), u.finish())
}

// compression is a compression of archives.
type compression struct {
	name  string
	is    func(begin []byte) bool
	plain func(io.Reader) (io.Reader, error)
}

// compressions lists the compressions with the bytes by which they are recognized.
//
// Mesos: archive_read_support_filter_all of libarchive. Of these, lzip, lrzip, lzop, lz4, compress, uuencode and rpm
// are missing here.
var compressions = []compression{
	{"gzip", begins("\x1f\x8b"), func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) }},
	{"bzip2", begins("BZh"), func(in io.Reader) (io.Reader, error) { return bzip2.NewReader(in), nil }},
	{"xz", begins("\xfd7zXZ\x00"), func(in io.Reader) (io.Reader, error) { return xz.NewReader(in, dictionary) }},
	{"zstd", begins("\x28\xb5\x2f\xfd"), func(in io.Reader) (io.Reader, error) {
		return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(dictionary))
	}},
	{"lzma", isLZMA, func(in io.Reader) (io.Reader, error) { return lzma.ReaderConfig{DictCap: dictionary}.NewReader(in) }},
}

func begins(with string) func([]byte) bool {
	return func(begin []byte) bool { return bytes.HasPrefix(begin, []byte(with)) }
}

// isLZMA recognizes the header of a format without a magic number. A tar file may begin with the same byte, for a file
// called "]", but not followed by the size of a dictionary.
func isLZMA(begin []byte) bool {
	return len(begin) >= lzma.HeaderLen && begin[0] == 0x5d && begin[3]|begin[4] != 0 && lzma.ValidHeader(begin[:lzma.HeaderLen])
}

// dictionary bounds the memory for decompression, in bytes. It is what xz -9 needs.
const dictionary = 64 << 20

// decompress removes all layers of compression.
func decompress(in io.Reader) (*bufio.Reader, error) {
	const layers = 4
	plain := bufio.NewReader(in)
	for range layers {
		begin, err := plain.Peek(lzma.HeaderLen)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		i := slices.IndexFunc(compressions, func(c compression) bool { return c.is(begin) })
		if i < 0 {
			return plain, nil
		}
		inner, err := compressions[i].plain(plain)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", compressions[i].name, err)
		}
		plain = bufio.NewReader(inner)
	}
	return plain, nil
}

func (u *unpacker) untar(in io.Reader) error {
	archive := tar.NewReader(in)
	for first := true; ; first = false {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case first && errors.Is(err, tar.ErrHeader):
			return errors.New("Unrecognized archive format")
		case err != nil:
			return err
		}
		e := entry{name: h.Name, mode: h.FileInfo().Mode(), modified: h.ModTime, content: archive}
		switch h.Typeflag {
		case tar.TypeSymlink:
			e.target = h.Linkname
		case tar.TypeLink:
			e.linked = h.Linkname
		}
		if err := u.put(e); err != nil {
			return err
		}
	}
}

func (u *unpacker) unzip(in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(in, info.Size())
	if err != nil {
		return err
	}
	for _, z := range archive.File {
		if err := u.unzipOne(z); err != nil {
			return err
		}
	}
	return nil
}

// longestTarget is the maximal length of the target of a symbolic link.
const longestTarget = 4096

func (u *unpacker) unzipOne(z *zip.File) error {
	content, err := z.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	e := entry{name: z.Name, mode: z.Mode(), modified: z.Modified, content: content}
	if strings.HasSuffix(z.Name, "/") {
		e.mode = e.mode.Perm() | os.ModeDir
	}
	if e.mode.Type() == os.ModeSymlink {
		target, err := io.ReadAll(io.LimitReader(content, longestTarget))
		if err != nil {
			return err
		}
		e.target = string(target)
	}
	return u.put(e)
}
