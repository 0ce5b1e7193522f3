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

// Authorize decides whether a principal, nil for an unauthenticated client, may see what it was attached with and all below.
// It is called on the actor's turns.
type Authorize func(*web.Principal) runtime.Future[bool]

// Attachment is a file or folder under a virtual path.
type Attachment struct {
	Path      string    // on the machine; symbolic links in it are followed once, when it is attached
	Virtual   string    // what it is called: "/master/log"; what was attached under that name is replaced
	Authorize Authorize // nil: everybody may see it
}

// Files knows what is attached under which virtual path, and who may see it.
type Files struct {
	runtime.Actor
	realm    string
	attached map[string]Attachment // by virtual path; Path is canonical
	debug    Authorize
}

// Spawn starts it on n, with its routes in a realm. debug decides who may see what is attached; nil: everybody.
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

// Attach shows a file or folder, which must exist and be readable, on n. The future completes when it can be seen.
func Attach(n *runtime.Node, a Attachment) runtime.Future[struct{}] {
	f, ok := runtime.Find[*Files](n, ID)
	if !ok {
		return runtime.Ready(struct{}{})
	}
	return runtime.Ask(f, (*Files).attach, a)
}

// Detach no longer shows what is attached under virtual paths on n.
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

// canonicalize returns the path behind all links, if it can be read.
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

// clean makes one name of a virtual path's spellings.
func clean(virtual string) string { return strings.TrimSuffix(withoutScheme(virtual), "/") }

func withoutScheme(path string) string { return strings.TrimPrefix(path, "file://") }

// find returns what is attached at the longest part of a virtual path, and what remains of it.
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

// at looks up a virtual path for somebody, and has use, off the actor's turn, do something with the place it leads to.
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
