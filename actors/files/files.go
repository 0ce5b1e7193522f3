package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/runtime"
	"meseta/runtime/web"
)

// ID is the name of the actor on every node.
const ID = "files"

// Authorize decides whether a principal may see an attachment and everything below it. The principal is nil for an
// unauthenticated client. Authorize is called on the actor's turns.
type Authorize func(*web.Principal) runtime.Future[bool]

// Attachment is a file or directory that is visible under a virtual path.
type Attachment struct {
	Path      string    // on the machine; symbolic links are resolved once, by Attach
	Virtual   string    // such as "/master/log"; replaces an earlier attachment of that name
	Authorize Authorize // nil: everyone may see it
}

// Files is the actor that holds the attachments of its node.
type Files struct {
	runtime.Actor
	realm    string
	attached map[string]Attachment // by virtual path; Path is canonical
	debug    Authorize
}

// Spawn starts the actor on n, with its endpoints in realm. debug decides who may see /files/debug; nil allows
// everyone.
func Spawn(n *runtime.Node, realm string, debug Authorize) (runtime.Ref[*Files], error) {
	if debug == nil {
		debug = anybody
	}
	return runtime.Spawn(n, ID, &Files{realm: realm, attached: map[string]Attachment{}, debug: debug})
}

func anybody(*web.Principal) runtime.Future[bool] { return runtime.Ready(true) }

// Initialize implements [runtime.Initializer].
func (f *Files) Initialize() {
	web.RouteIn(f, f.realm, "/browse", browseHelp, f.serveBrowse)
	web.RouteIn(f, f.realm, "/read", readHelp, f.serveRead)
	web.RouteIn(f, f.realm, "/download", downloadHelp, f.serveDownload)
	web.RouteIn(f, f.realm, "/debug", debugHelp, f.serveDebug)
}

// Attach makes a file or directory of the machine visible on n. It must exist and be readable. The future completes
// when it is visible.
func Attach(n *runtime.Node, a Attachment) runtime.Future[struct{}] {
	f, ok := runtime.Find[*Files](n, ID)
	if !ok {
		return runtime.Ready(struct{}{})
	}
	return runtime.Ask(f, (*Files).attach, a)
}

// Detach removes the attachments under the given virtual paths on n.
func Detach(n *runtime.Node, virtual ...string) {
	if f, ok := runtime.Find[*Files](n, ID); ok {
		runtime.Tell(f, func(f *Files) { f.detach(virtual) })
	}
}

func (f *Files) attach(a Attachment) runtime.Future[struct{}] {
	if a.Authorize == nil {
		a.Authorize = anybody
	}
	canonical := runtime.Go(f, func(context.Context) (string, error) { return canonicalize(a.Path) })
	return runtime.Continue(f, canonical, func(path string, err error) (struct{}, error) {
		if err != nil {
			return struct{}{}, fmt.Errorf("attach %s: %w", a.Virtual, err)
		}
		a.Path = path
		f.attached[clean(a.Virtual)] = a
		return struct{}{}, nil
	})
}

// canonicalize returns path with all symbolic links resolved. It fails if the path cannot be read.
func canonicalize(path string) (string, error) {
	real, err := filepath.EvalSymlinks(withoutScheme(path))
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", err
	}
	if err := unix.Access(real, unix.R_OK); err != nil {
		return "", &os.PathError{Op: "access", Path: real, Err: err}
	}
	return real, nil
}

func (f *Files) detach(virtual []string) {
	for _, v := range virtual {
		delete(f.attached, clean(v))
	}
}

// clean returns the canonical spelling of a virtual path.
func clean(virtual string) string { return strings.TrimSuffix(withoutScheme(virtual), "/") }

func withoutScheme(path string) string { return strings.TrimPrefix(path, "file://") }

// find returns the attachment at the longest prefix of a virtual path, and the rest of the path.
func (f *Files) find(virtual string) (a Attachment, rest string, ok bool) {
	head := clean(virtual)
	for {
		if a, ok := f.attached[head]; ok {
			return a, rest, true
		}
		cut := strings.LastIndexByte(head, '/')
		if cut < 0 {
			return a, "", false
		}
		rest = head[cut+1:] + strings.TrimSuffix("/"+rest, "/")
		head = head[:cut]
	}
}

// at resolves a virtual path on behalf of who, and calls use with the result off the actor's turn.
func at[T any](f *Files, virtual string, who *web.Principal, use func(place) (T, error)) runtime.Future[T] {
	a, rest, ok := f.find(virtual)
	if !ok {
		return runtime.Failed[T](ErrNotFound)
	}
	return runtime.Chain(f, a.Authorize(who), func(allowed bool, err error) runtime.Future[T] {
		if err != nil || !allowed {
			return runtime.Failed[T](ErrForbidden)
		}
		return runtime.Go(f, func(context.Context) (T, error) { return use(place{a.Path, rest}) })
	})
}
