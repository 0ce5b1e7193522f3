// Package fetcher brings the files that a command needs into its sandbox: by copying, over HTTP and FTP, out of object
// stores and by a Hadoop client, and unpacked or made executable as asked. It blocks, and belongs into runtime.Go.
//
// It reads and writes with the rights of the user the files are for, whatever those of the agent are, and follows no
// link out of the sandbox. Only regular files are copied. Once its context has ended nothing more is written, nor once
// less than a twentieth of the disk, or less than a gigabyte, is free: a server may send without end.
//
// What a URI names can be kept in a [Cache] for others that want it.
//
// Mesos: mesos-fetcher.
//
// Differs: mesos-fetcher goes on until the disk is full.
package fetcher

import (
	"context"
	"errors"
	"fmt"
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
	StallTimeout   time.Duration // a download that stands still this long is given up; 0: never
	Cache          *Cache        // of files whose URIs allow it; nil: nothing is cached
	HadoopHome     string        // where a Hadoop client is; "": where HADOOP_HOME of the environment says, or along PATH
	Directory      string        // the sandbox's path, for processes that fetch
	Environment    []string      // of the agent, for the Hadoop client and object stores
	Clock          runtime.Clock // required
	Room           Room          // nil: what the file system says
	Warn           func(error)   // is told what is fetched without the cache, and why; nil: nobody
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
	for _, uri := range uris {
		if err := f.fetch(uri); err != nil {
			return fmt.Errorf("Failed to fetch '%s': %w", uri.GetValue(), err)
		}
	}
	return nil
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
	source := strings.TrimLeft(uri.GetValue(), " \t\n")
	var h *held
	if uri.GetCache() && f.Cache != nil {
		h, err = f.through(source)
		var uncached uncachedError
		switch {
		case err == nil:
			defer h.release()
		case !errors.As(err, &uncached):
			return err
		case f.Warn != nil:
			f.Warn(fmt.Errorf("Reverting to fetching directly into the sandbox for '%s', due to failure to fetch through the cache, "+
				"with error: %w", source, err))
		}
	}
	return f.as(func() error { return f.deliver(uri, source, name, h) })
}

// as works with the rights of the user the files are for.
func (f *fetch) as(work func() error) error {
	if f.Owner == nil {
		return work()
	}
	return f.Owner.Do(work)
}

// deliver makes the file in the sandbox, out of the cache's if there is one, and what has to be made of it. An archive of
// the cache is unpacked from there.
//
// Mesos: fetchBypassingCache, fetchFromCache.
func (f *fetch) deliver(uri *mesospb.CommandInfo_URI, source, name string, h *held) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := f.Sandbox.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("Unable to create subdirectory %s in sandbox: %w", dir, err)
		}
	}
	unpacked := uri.GetExtract() && !uri.GetExecutable()
	if unpack := f.extractor(name); h != nil && unpacked && unpack != nil {
		return unpack(h.file)
	}
	var err error
	if h != nil {
		err = f.copy(h, name)
	} else {
		err = f.bring(source, name)
	}
	switch {
	case err != nil:
		return err
	case uri.GetExecutable():
		return f.Sandbox.Chmod(name, 0o755)
	case unpacked:
		return f.extract(name)
	}
	return nil
}

// copy copies a file of the cache into the sandbox.
func (f *fetch) copy(h *held, name string) error {
	out, err := f.create(name, h.mode)
	if err != nil {
		return err
	}
	return closed(out, out.copyData(h.file))
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
