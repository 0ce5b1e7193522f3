package web

import (
	"slices"
	"strings"

	"meseta/runtime"
)

// Handler answers a request on a turn of the actor that routes it. If the future it returns fails, the client is told
// 500 and the error; if that is [runtime.ErrTerminated], the answer is that of [Absent].
type Handler = func(*Request) runtime.Future[*Response]

// Help describes a route for /help.
type Help struct {
	TLDR        string // one line
	Description string // Markdown; may be empty
}

// route is where a handler is.
type route struct {
	path  string
	realm string // "": none
	help  Help
	h     Handler
	eager bool // takes bodies that are Arriving
}

// Route serves HTTP requests for /<id><path> on turns of b, and for everything below that path that no longer route
// takes; Request.Route tells which matched. On the node's delegate the id may be left out; see [SetDelegate].
func Route(b runtime.Behavior, path string, help Help, h Handler) {
	RouteIn(b, "", path, help, h)
}

// RouteIn is Route in a realm: requests pass its authenticator first, if the node has one; see [SetAuthenticator].
func RouteIn(b runtime.Behavior, realm, path string, help Help, h Handler) {
	deskOf(b).add(route{path: path, realm: realm, help: help, h: h})
}

// RouteArriving is RouteIn for requests whose body may have no end that could be waited for: where the wire hands it
// over as it comes in, it is [Arriving] (libprocess: RouteOptions::requestStreaming).
func RouteArriving(b runtime.Behavior, realm, path string, help Help, h Handler) {
	deskOf(b).add(route{path: path, realm: realm, help: help, h: h, eager: true})
}

// desk is what an actor knows of its requests. It is touched on the actor's turns only.
type desk struct {
	routes   []route
	entrance *entrance // once a request was examined
}

func deskOf(b runtime.Behavior) *desk { return runtime.Local[desk](b) }

func (d *desk) add(r route) {
	r.path = "/" + strings.Trim(r.path, "/")
	d.routes = append(d.routes, r)
}

// match returns the longest route that is path or a folder of it, or nil.
func (d *desk) match(path string) *route {
	for {
		for i := range d.routes {
			if d.routes[i].path == path {
				return &d.routes[i]
			}
		}
		cut := strings.LastIndexByte(path, '/')
		switch {
		case path == "/" || cut < 0:
			return nil
		case cut == 0:
			path = "/"
		default:
			path = path[:cut]
		}
	}
}

// described is what one actor has to say for /help.
type described struct {
	id     string
	routes []route
}

func describe(b runtime.Behavior) described {
	routes := slices.Clone(deskOf(b).routes)
	slices.SortFunc(routes, func(x, y route) int { return strings.Compare(x.path, y.path) })
	return described{runtime.RefOf(b).PID().ID, routes}
}

// describeAll asks every actor that has routes, in the order of their ids.
func describeAll(n *runtime.Node) runtime.Future[[]described] {
	return runtime.Then(askAll(n, describe), func(all []described) ([]described, error) {
		return slices.DeleteFunc(all, func(d described) bool { return len(d.routes) == 0 }), nil
	})
}

// askAll asks every actor of n, each on a turn of its own, and returns the answers in the order of the actors' ids. An
// actor that ends meanwhile answers with nothing.
func askAll[T any](n *runtime.Node, question func(runtime.Behavior) T) runtime.Future[[]T] {
	var asked []runtime.Future[T]
	for _, pid := range n.PIDs() {
		if ref, ok := runtime.Find[runtime.Behavior](n, pid.ID); ok {
			asked = append(asked, runtime.Recover(runtime.Dispatch(ref, question), func(error) (nothing T, err error) { return nothing, nil }))
		}
	}
	return runtime.Collect(asked...)
}
