package fetcher

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// source is a place that something can be fetched from. Its methods are called with the rights of the user.
type source interface {
	// open begins to bring what is there.
	open() (*content, error)
	// look tells what is there now, without bringing it. It fails with a goneError if that cannot be brought.
	look() (traits, error)
}

// content is what a URI names.
type content struct {
	io.ReadCloser
	file *os.File    // the same, if it is a file of this machine
	mode os.FileMode // of the file that it becomes
	traits
}

// traits tell what a URI names from what it named before.
type traits struct {
	size    int64  // in bytes; negative: unknown
	version string // what the source says of it, such as a time; empty: nothing
}

// differ reports whether they are those of another content for sure.
func (t traits) differ(now traits) bool {
	return t.size >= 0 && now.size >= 0 && t.size != now.size || t.version != "" && now.version != "" && t.version != now.version
}

// goneError tells that what was there is not there any more, or not for this user.
type goneError struct{ error }

// Unwrap returns what it is made of.
func (e goneError) Unwrap() error { return e.error }

// source returns where a URI leads.
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

// bring copies what a URI names to a file in the sandbox.
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

// fill writes a content, and demands that it is as large as was announced.
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
