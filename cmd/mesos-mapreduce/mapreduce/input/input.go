// Package input divides files into splits and reads them line by line. A split is a list of ranges: small files are
// combined, large ones divided. A line belongs to the range that contains its first byte, so that every line is read
// exactly once, wherever files are divided.
package input

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"meseta/cmd/mesos-mapreduce/mapreduce/job"
)

// Range is a part of a file.
type Range struct {
	Path   Path  `json:"path"`
	Offset int64 `json:"offset,omitempty"`
	Length int64 `json:"length"`
}

// Split is the input of one map.
type Split struct {
	Ranges []Range `json:"ranges"`
	Bytes  int64   `json:"bytes"`
}

// File is an input file.
type File struct {
	Path string
	Size int64
}

// Find returns the regular files under roots, which are files, directories or links to them, in lexical order. If
// pattern is not empty, the names of files in directories must match it ([filepath.Match]). The paths are absolute.
// Find fails for a file that cannot be read, before maps can fail on it.
func Find(roots []string, pattern string) ([]File, error) {
	var files []File
	for _, root := range roots {
		root, err := filepath.Abs(root)
		if err == nil {
			root, err = filepath.EvalSymlinks(root)
		}
		if err != nil {
			return nil, fmt.Errorf("find input: %w", err)
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			if path != root && pattern != "" {
				if ok, err := filepath.Match(pattern, d.Name()); err != nil || !ok {
					return err
				}
			}
			size, err := readable(path)
			files = append(files, File{path, size})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find input: %w", err)
		}
	}
	return files, nil
}

// readable opens a file to check that it can be read, and returns its size.
func readable(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Cut distributes files over splits of at most size bytes, in order. It leaves out empty files.
func Cut(files []File, size int64) []Split {
	var splits []Split
	var current Split
	for _, f := range files {
		for offset := int64(0); offset < f.Size; {
			length := min(f.Size-offset, size-current.Bytes)
			current.Ranges = append(current.Ranges, Range{Path(f.Path), offset, length})
			current.Bytes += length
			offset += length
			if current.Bytes == size {
				splits = append(splits, current)
				current = Split{}
			}
		}
	}
	if current.Bytes > 0 {
		splits = append(splits, current)
	}
	return splits
}

// Read yields the lines of s. It ends early, between two ranges, when ctx ends.
func Read(ctx context.Context, s Split, line func(job.Line)) error {
	in := bufio.NewReaderSize(nil, 64<<10)
	for _, r := range s.Ranges {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := read(in, r, line); err != nil {
			return fmt.Errorf("read input: %w", err)
		}
	}
	return nil
}

func read(in *bufio.Reader, r Range, line func(job.Line)) error {
	f, err := os.Open(string(r.Path))
	if err != nil {
		return err
	}
	defer f.Close()
	at := r.Offset
	if r.Offset > 0 { // the line that contains the byte before belongs to the range before
		at--
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	in.Reset(f)
	var long []byte
	for first := r.Offset > 0; at < r.Offset+r.Length; first = false {
		text, n, err := next(in, &long)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !first && n > 0 {
			line(job.Line{File: string(r.Path), Offset: at, Text: text})
		}
		at += int64(n)
		if err != nil {
			return nil
		}
	}
	return nil
}

// next returns a line without its line break, and the length with it. It assembles lines that exceed in's buffer in
// long.
func next(in *bufio.Reader, long *[]byte) (text []byte, n int, err error) {
	text, err = in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		*long = append((*long)[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = in.ReadSlice('\n')
			*long = append(*long, text...)
		}
		text = *long
	}
	n = len(text)
	if n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	return text, n, err
}
