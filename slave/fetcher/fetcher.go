// Package fetcher brings the files that a command needs into its sandbox: by copying, over HTTP, and unpacked or made
// executable as asked. It blocks, and belongs into runtime.Go.
//
// Mesos: mesos-fetcher. Downloads are not cached, and hdfs:// and its kin are refused.
package fetcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Options say where things are.
type Options struct {
	Directory      string        // the sandbox
	User           string        // whom the files are for; empty: the agent's user
	FrameworksHome string        // where relative paths start
	StallTimeout   time.Duration // a download that stands still this long is given up; 0: 1min
	Clock          runtime.Clock // required
}

// Fetch brings all uris into the sandbox, in order. The first failure ends it.
func Fetch(ctx context.Context, uris []*mesospb.CommandInfo_URI, o Options) error {
	o.StallTimeout = cmp.Or(o.StallTimeout, time.Minute)
	for _, uri := range uris {
		if err := fetch(ctx, uri, o); err != nil {
			return fmt.Errorf("fetch %s: %w", uri.GetValue(), err)
		}
	}
	if len(uris) > 0 {
		return own(o.Directory, o.User)
	}
	return nil
}

func fetch(ctx context.Context, uri *mesospb.CommandInfo_URI, o Options) error {
	source := strings.TrimLeft(uri.GetValue(), " \t\n")
	name, err := outputName(uri, source)
	if err != nil {
		return err
	}
	sandbox, err := os.OpenRoot(o.Directory)
	if err != nil {
		return err
	}
	defer sandbox.Close()
	if dir := filepath.Dir(name); dir != "." {
		if err := sandbox.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := bring(ctx, source, sandbox, name, o); err != nil {
		return err
	}
	switch {
	case uri.GetExecutable():
		return sandbox.Chmod(name, 0o755)
	case uri.GetExtract():
		return extract(sandbox, name)
	}
	return nil
}

// outputName is what the file is called in the sandbox, which it must not leave.
func outputName(uri *mesospb.CommandInfo_URI, source string) (string, error) {
	name := uri.GetOutputFile()
	if name == "" {
		source, _, _ = strings.Cut(source, "?")
		name = path.Base(source)
	}
	if !filepath.IsLocal(name) || name == "." {
		return "", fmt.Errorf("%q is no name for a file in the sandbox", name)
	}
	return name, nil
}

// bring copies the source to a new file in the sandbox.
func bring(ctx context.Context, source string, sandbox *os.Root, name string, o Options) error {
	in, err := open(ctx, source, o)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := sandbox.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func open(ctx context.Context, source string, o Options) (io.ReadCloser, error) {
	scheme, rest, remote := strings.Cut(source, "://")
	switch {
	case remote && (scheme == "http" || scheme == "https"):
		return download(ctx, source, o)
	case remote && scheme == "file":
		source = rest
	case remote:
		return nil, fmt.Errorf("fetching by %s is not supported yet", scheme)
	}
	if !filepath.IsAbs(source) {
		if o.FrameworksHome == "" {
			return nil, errors.New("the path is relative, and the agent has no --frameworks_home")
		}
		source = filepath.Join(o.FrameworksHome, source)
	}
	return os.Open(source)
}

// own gives the sandbox's content to a user other than the agent's.
func own(directory, name string) error {
	if name == "" {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("look up the owner of what was fetched: %w", err)
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on every system that has them
	gid, _ := strconv.Atoi(u.Gid)
	if uid == os.Geteuid() {
		return nil
	}
	return filepath.WalkDir(directory, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(file, uid, gid)
	})
}

// ---- downloads ----

func download(ctx context.Context, url string, o Options) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := &watchdog{clock: o.Clock, patience: o.StallTimeout, bark: func() { cancel(errStalled) }}
	watch.reset()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		watch.stop()
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	response, err := client.Do(request)
	if err == nil && response.StatusCode != http.StatusOK {
		response.Body.Close()
		err = fmt.Errorf("the server answered %s", response.Status)
	}
	if err != nil {
		watch.stop()
		if context.Cause(ctx) != nil {
			err = context.Cause(ctx)
		}
		cancel(nil)
		return nil, err
	}
	return &body{response.Body, ctx, watch, cancel}, nil
}

var errStalled = errors.New("the download stands still")

// body is a download that is given up when it stands still.
type body struct {
	io.ReadCloser
	ctx    context.Context
	watch  *watchdog
	cancel context.CancelCauseFunc
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.reset()
	}
	if err != nil && err != io.EOF && context.Cause(b.ctx) != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

func (b *body) Close() error {
	b.watch.stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// watchdog barks when it was not reset for longer than its patience.
type watchdog struct {
	clock    runtime.Clock
	patience time.Duration
	bark     func()
	disarm   func() bool
}

func (w *watchdog) reset() {
	w.stop()
	w.disarm = w.clock.AfterFunc(w.patience, w.bark)
}

func (w *watchdog) stop() {
	if w.disarm != nil {
		w.disarm()
	}
}
