package fetcher

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// source is where a URI leads. Its methods are called with the rights of the user.
type source interface {
	// open starts to read the content.
	open() (*content, error)
	// look describes the current content without reading it. It fails with a goneError if open would fail too.
	look() (traits, error)
}

// content is the content of a source.
type content struct {
	io.ReadCloser
	file *os.File    // the same content if it is a local file, otherwise nil
	mode os.FileMode // of its copy in the sandbox
	traits
}

// traits distinguish the current content of a source from earlier content.
type traits struct {
	size    int64  // bytes; negative: unknown
	version string // a time or tag from the source; empty: unknown
}

// differ reports whether t and now certainly describe different content.
func (t traits) differ(now traits) bool {
	return t.size >= 0 && now.size >= 0 && t.size != now.size || t.version != "" && now.version != "" && t.version != now.version
}

// goneError means that the content no longer exists or that the user may not read it.
type goneError struct{ error }

// Unwrap returns the cause.
func (e goneError) Unwrap() error { return e.error }

// source returns the source of a URI.
//
// Mesos: download of mesos-fetcher.
func (f *fetch) source(uri string) (source, error) {
	path, err := localPath(uri, f.FrameworksHome)
	if err != nil {
		return nil, err
	}
	if path != "" {
		return local{path}, nil
	}
	scheme, _, _ := strings.Cut(uri, "://")
	switch scheme {
	case "http", "https":
		return web{f, uri, nil}, nil
	case "ftp", "ftps":
		return ftpFile{f, uri}, nil
	case "s3", "s3a", "s3n":
		if !f.hasHadoop() {
			return f.bucket(uri)
		}
	}
	return hadoop{f, uri}, nil
}

// bring copies the content of a URI to a file in the sandbox.
func (f *fetch) bring(uri, name string) error {
	s, err := f.source(uri)
	if err != nil {
		return err
	}
	in, err := s.open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := f.create(name, in.mode)
	if err != nil {
		return err
	}
	return closed(out, out.fill(in))
}

// fill writes c to the file. It fails if the content is not as long as announced.
func (o *output) fill(c *content) error {
	if c.file != nil {
		return o.copyData(c.file)
	}
	in := io.Reader(c.ReadCloser)
	if c.size >= 0 {
		in = io.LimitReader(in, c.size+1)
	}
	n, err := io.Copy(o, in)
	if err == nil && c.size >= 0 && n != c.size {
		err = fmt.Errorf("Error downloading resource: %d bytes were announced, %d or more came", c.size, n)
	}
	return err
}
