// Package layer puts the layers of images into directories: from archives, and from directories of other layers.
//
// What is in a layer was written by strangers. Everything is created below one directory, whatever names and links say;
// names that lead out of it are errors. The bytes and the number of files are bounded.
package layer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Whiteouts says what becomes of the marks in a layer that hide files of the layers below it.
type Whiteouts int

// What becomes of whiteouts.
const (
	Keep    Whiteouts = iota // they stay files, named as in archives
	Overlay                  // they become those of overlayfs
	Apply                    // what they hide is deleted
)

// Names of whiteouts in archives.
const (
	prefix = ".wh."
	opaque = ".wh..wh..opq"
)

// Limits bounds what a layer may hold.
type Limits struct {
	Bytes   int64 // of all files
	Entries int   // files, directories and links
}

// DefaultLimits are far above what real layers hold, and below what fills a disk of a usual agent with nothing but names.
var DefaultLimits = Limits{Bytes: 256 << 30, Entries: 10_000_000}

// maxWindow bounds the memory that a compressed archive can ask for.
const maxWindow = 128 << 20

// Extract puts the files of an archive into a directory. The archive may be compressed by gzip or zstd. The error says
// which entry was wrong; the directory is then half filled, and the caller removes it.
func Extract(ctx context.Context, archive io.Reader, dir *os.Root, w Whiteouts, l Limits) error {
	content, err := decompress(archive)
	if err != nil {
		return err
	}
	defer content.Close()
	out := NewWriter(dir, w, l)
	whole := &bounded{content, l.Bytes + int64(l.Entries)*headerAllowance}
	entries := tar.NewReader(whole)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			// What is compressed has its checksum at the end, behind that of the archive.
			if _, err := io.Copy(io.Discard, &interruptible{ctx, whole}); err != nil {
				return fmt.Errorf("read the archive: %w", err)
			}
			return out.Close()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := out.Put(header, &interruptible{ctx, entries}); err != nil {
			return err
		}
	}
}

// headerAllowance is what the headers of an entry may take on average.
const headerAllowance = 4 << 10

// decompress returns the archive as it was before it was compressed. The format is recognized by its first bytes, since
// media types are often wrong.
func decompress(archive io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(archive, 64<<10)
	head, _ := in.Peek(4) // shorter ones are not compressed
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("decompress the archive: %w", err)
		}
		return z, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("decompress the archive: %w", err)
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// bounded fails when more is read than it has left.
type bounded struct {
	io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errors.New("the archive is larger than a layer may be")
	}
	return n, err
}

// interruptible fails when its context ends.
type interruptible struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.Reader.Read(p)
}
