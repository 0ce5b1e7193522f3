// Package fetcher brings the files that a command needs into its sandbox: by copying, over HTTP, and unpacked or made
// executable as asked. It blocks, and belongs into runtime.Go.
//
// It reads and writes with the rights of the user the files are for, whatever those of the agent are, and follows no
// link out of the sandbox. Only regular files are copied. Once its context has ended nothing more is written, nor once
// less than a twentieth of the disk, or less than a gigabyte, is free: a server may send without end.
//
// Mesos: mesos-fetcher. Downloads are not cached, and hdfs:// and its kin are refused.
//
// Differs: mesos-fetcher goes on until the disk is full.
package fetcher

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/sandbox"
)

// Options say where things are.
type Options struct {
	Sandbox        *os.Root      // required
	Owner          sandbox.Owner // whom the files are for; nil: the agent's user
	FrameworksHome string        // where relative paths start
	StallTimeout   time.Duration // a download that stands still this long is given up; 0: 1min
	Clock          runtime.Clock // required
	Room           Room          // nil: what the file system says
}

// InvalidError says what is wrong with a URI before anything was fetched.
type InvalidError string

// Error says what Mesos does.
func (e InvalidError) Error() string { return string(e) }

// Fetch brings all uris into the sandbox, in order. The first failure ends it. It fails with an [InvalidError] when there
// is something wrong with a URI, and then fetches nothing.
//
// Mesos: FetcherProcess::fetch, main of mesos-fetcher.
func Fetch(ctx context.Context, uris []*mesospb.CommandInfo_URI, o Options) error {
	o.StallTimeout = cmp.Or(o.StallTimeout, time.Minute)
	for _, uri := range uris {
		if err := validate(uri); err != nil {
			return err
		}
	}
	if len(uris) == 0 {
		return nil
	}
	if o.Room == nil {
		o.Room = room
	}
	f := &fetch{ctx: ctx, Options: o}
	work := func() error {
		for _, uri := range uris {
			if err := f.fetch(uri); err != nil {
				return fmt.Errorf("Failed to fetch '%s': %w", uri.GetValue(), err)
			}
		}
		return nil
	}
	if o.Owner == nil {
		return work()
	}
	return o.Owner.Do(work)
}

// validate looks at a URI and the name it shall get.
//
// Mesos: validateUris.
func validate(uri *mesospb.CommandInfo_URI) error {
	if _, err := basename(uri.GetValue()); err != nil {
		return err
	}
	switch name := uri.GetOutputFile(); {
	case strings.ContainsAny(name, "\\'\x00"):
		return InvalidError("Illegal characters in output file")
	case path.IsAbs(name):
		return InvalidError("Output file must be a relative path")
	}
	return nil
}

// basename is what a file is called unless it is given a name. A query is part of it.
//
// Mesos: Fetcher::basename.
func basename(uri string) (string, error) {
	if strings.ContainsAny(uri, "\\'\x00") {
		return "", InvalidError("Illegal characters in URI")
	}
	if _, rest, remote := strings.Cut(uri, "://"); remote && !strings.HasPrefix(uri, "://") {
		_, file, found := strings.Cut(rest, "/")
		if !found || file == "" {
			return "", InvalidError("Malformed URI (missing path): " + uri)
		}
		return rest[strings.LastIndexByte(rest, '/')+1:], nil
	}
	return path.Base(uri), nil
}

// fetch is one call of Fetch.
type fetch struct {
	Options
	ctx       context.Context
	unchecked int64 // bytes written since the room on the disk was looked at
}

func (f *fetch) fetch(uri *mesospb.CommandInfo_URI) error {
	name, err := outputName(uri)
	if err != nil {
		return err
	}
	if dir := filepath.Dir(name); dir != "." {
		if err := f.Sandbox.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("Unable to create subdirectory %s in sandbox: %w", dir, err)
		}
	}
	if err := f.bring(strings.TrimLeft(uri.GetValue(), " \t\n"), name); err != nil {
		return err
	}
	switch {
	case uri.GetExecutable():
		return f.Sandbox.Chmod(name, 0o755)
	case uri.GetExtract():
		return f.extract(name)
	}
	return nil
}

// outputName is what the file is called in the sandbox, which it must not leave.
func outputName(uri *mesospb.CommandInfo_URI) (string, error) {
	name := uri.GetOutputFile()
	if name == "" {
		name, _ = basename(uri.GetValue())
	}
	if !filepath.IsLocal(name) || filepath.Clean(name) == "." || strings.HasSuffix(name, "/") {
		return "", fmt.Errorf("%q is no name for a file in the sandbox", name)
	}
	return name, nil
}

// bring copies the source to a file in the sandbox.
func (f *fetch) bring(source, name string) error {
	local, err := localPath(source, f.FrameworksHome)
	switch {
	case err != nil:
		return err
	case local != "":
		return f.copy(local, name)
	case strings.HasPrefix(source, "http://"), strings.HasPrefix(source, "https://"):
		in, err := download(f.ctx, source, f.Options)
		if err != nil {
			return fmt.Errorf("Error downloading resource: %w", err)
		}
		defer in.Close()
		out, err := f.create(name, 0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return closed(out, err)
	}
	scheme, _, _ := strings.Cut(source, "://")
	return fmt.Errorf("fetching by %s is not supported yet", scheme)
}

// localPath is where a source is on this machine; "" if it is elsewhere.
//
// Mesos: Fetcher::uriToLocalPath.
func localPath(source, home string) (string, error) {
	file, isFile := strings.CutPrefix(source, "file://")
	if !isFile && strings.Contains(source, "://") {
		return "", nil
	}
	file = strings.TrimPrefix(file, "localhost")
	switch {
	case filepath.IsAbs(file):
		return file, nil
	case isFile:
		return "", fmt.Errorf("File URI only supports absolute paths")
	case home == "":
		return "", fmt.Errorf("A relative path was passed for the resource but the Mesos framework home was not specified." +
			" Please either provide this config option or avoid using a relative path")
	}
	return filepath.Join(home, file), nil
}
