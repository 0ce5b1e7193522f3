// Package fetcher fetches the files that a command needs into its sandbox: local files, over HTTP and FTP, from object
// stores, and with a Hadoop client. It unpacks them or makes them executable on request. It blocks, so actors call it
// in runtime.Go.
//
// It reads and writes with the rights of the user for whom it fetches, and follows no link out of the sandbox. It
// copies regular files only. It stops writing when its context ends, and when less than a twentieth of the disk is
// free, or less than a gigabyte on large disks, because a server may send without end.
//
// Fetched files can be kept in a [Cache].
//
// Mesos: mesos-fetcher.
//
// Differs: mesos-fetcher continues until the disk is full.
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

// Options configures [Fetch].
type Options struct {
	Sandbox        *os.Root      // required
	Owner          sandbox.Owner // of the files; nil means the agent's user
	FrameworksHome string        // directory of relative paths
	StallTimeout   time.Duration // time after which a download without progress is abandoned; 0 means never
	Cache          *Cache        // for URIs that allow it; nil means no cache
	HadoopHome     string        // directory of a Hadoop client; "" means HADOOP_HOME of the environment, or hadoop along PATH
	Directory      string        // the sandbox's path, for processes that fetch
	Environment    []string      // of the agent, for the Hadoop client and object stores
	Clock          runtime.Clock // required
	Room           Room          // nil means that of the file system
	Warn           func(error)   // called with the reason when a file is fetched without the cache; may be nil
}

// InvalidError is the error of an invalid URI. It is found before anything is fetched.
type InvalidError string

// Error returns Mesos's text.
func (e InvalidError) Error() string { return string(e) }

// Fetch fetches uris into the sandbox, in order, until one fails. If a URI is invalid, it returns an [InvalidError] and
// fetches nothing.
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

// validate validates a URI and its output name.
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

// basename returns the name of a file without an output name. It includes the query.
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
	unchecked int64 // bytes written since the free space was checked last
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

// as calls work with the rights of the user for whom the files are.
func (f *fetch) as(work func() error) error {
	if f.Owner == nil {
		return work()
	}
	return f.Owner.Do(work)
}

// deliver creates the file in the sandbox, from the cached file if there is one, and unpacks it if necessary. A cached
// archive is unpacked without a copy.
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

// copy copies a cached file into the sandbox.
func (f *fetch) copy(h *held, name string) error {
	out, err := f.create(name, h.mode)
	if err != nil {
		return err
	}
	return closed(out, out.copyData(h.file))
}

// outputName returns the name of the file in the sandbox. It must not leave the sandbox.
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

// localPath returns the path of a source on this machine, or "" if it is elsewhere.
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
