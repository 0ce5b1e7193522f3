package runtime

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

type route struct {
	path  string
	realm string // "": none
	help  Help
	h     func(*Request) Future[*Response]
	eager bool // takes bodies that are Arriving
}

// Route serves HTTP requests for /<id><path> on turns of b, and for everything below that path that no longer route
// takes; Request.Route tells which matched. On the node's delegate the id may be left out.
func Route(b Behavior, path string, help Help, h func(*Request) Future[*Response]) {
	RouteIn(b, "", path, help, h)
}

// RouteIn is Route in a realm: requests pass its authenticator first, if the node has one; see [Node.SetAuthenticator].
func RouteIn(b Behavior, realm, path string, help Help, h func(*Request) Future[*Response]) {
	a := b.base()
	a.routes = append(a.routes, route{path: "/" + strings.Trim(path, "/"), realm: realm, help: help, h: h})
}

// RouteArriving is RouteIn for requests whose body may have no end that could be waited for: where the wire hands it
// over as it comes in, it is [Arriving] (libprocess: RouteOptions::requestStreaming).
func RouteArriving(b Behavior, realm, path string, help Help, h func(*Request) Future[*Response]) {
	RouteIn(b, realm, path, help, h)
	a := b.base()
	a.routes[len(a.routes)-1].eager = true
}

// Serve implements [Receiver]: it finds the actor and, on that actor's turn, the route. The node itself answers /help
// and /__processes__; what is not an actor's goes to the delegate.
func (n *Node) Serve(req *Request) Future[*Response] {
	if strings.Contains(req.URL.Path, "/..") {
		return Ready(NotFound())
	}
	path := strings.TrimRight(req.URL.Path, "/")
	id, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if a := n.find(id); a != nil {
		return a.serve("/"+rest, req)
	}
	if own := n.ownRoute(id); own != nil {
		return own("/"+rest, req)
	}
	if a := n.find(n.delegate); a != nil {
		return a.serve("/"+strings.TrimPrefix(path, "/"), req)
	}
	return Ready(NotFound())
}

// serve answers a request for path, on a turn of a.
func (a *Actor) serve(path string, req *Request) Future[*Response] {
	return a.ask(req, func() Future[*Response] {
		r := a.match(path)
		if r == nil {
			return Ready(NotFound())
		}
		req.Route = r.path
		if body, ok := req.Body.(Arriving); ok && !r.eager {
			return a.complete(*r, body, req)
		}
		return a.admit(r, req)
	})
}

// complete lets a request wait for its body before it is served.
func (a *Actor) complete(r route, body Arriving, req *Request) Future[*Response] {
	arrived := Go(a.impl, func(context.Context) ([]byte, error) { return body.Whole() })
	return Chain(a.impl, arrived, func(whole []byte, err error) Future[*Response] {
		if err != nil {
			return Ready(BadRequest(err.Error()))
		}
		req.Body = bytes.NewReader(whole)
		return a.admit(&r, req)
	})
}

// match returns the longest route that is path or a folder of it, or nil.
func (a *Actor) match(path string) *route {
	for {
		for i := range a.routes {
			if a.routes[i].path == path {
				return &a.routes[i]
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

// asked is a request on its way to an actor.
type asked struct {
	dispatched[Behavior, Future[*Response]]
	req *Request // nil once it is served, so that the future does not keep it
}

func (c *asked) run() {
	c.req = nil
	c.dispatched.run()
}

// ask runs f, which serves req, on a turn of a.
func (a *Actor) ask(req *Request, f func() Future[*Response]) Future[*Response] {
	c := &asked{dispatched[Behavior, Future[*Response]]{
		behavior: a.impl, f: func(Behavior) Future[*Response] { return f() }, entry: entryOf(f),
	}, req}
	a.node.put(a, item{kind: OnCall, cause: a.node.causeHere(), payload: c})
	return Flatten(Future[Future[*Response]]{&c.cell})
}

// described is what one actor has to say for /help.
type described struct {
	id     string
	routes []route
}

func describe(b Behavior) described {
	a := b.base()
	routes := slices.Clone(a.routes)
	slices.SortFunc(routes, func(x, y route) int { return strings.Compare(x.path, y.path) })
	return described{a.self.ID, routes}
}

// describeAll asks every actor that has routes, in the order of their ids.
func (n *Node) describeAll() Future[[]described] {
	pids := n.PIDs()
	slices.SortFunc(pids, func(x, y PID) int { return strings.Compare(x.ID, y.ID) })
	var asked []Future[described]
	for _, pid := range pids {
		if a := n.find(pid.ID); a != nil {
			asked = append(asked, orZero(Dispatch(Ref[Behavior]{pid: pid, behavior: a.impl, actor: a}, describe)))
		}
	}
	return Then(Collect(asked...), func(all []described) ([]described, error) {
		return slices.DeleteFunc(all, func(d described) bool { return len(d.routes) == 0 }), nil
	})
}

// orZero turns a failure into nothing: an actor may end while it is asked.
func orZero[T any](f Future[T]) Future[T] {
	p := NewPromise[T]()
	f.OnAny(func(v T, _ error) { p.Set(v) })
	return p.Future()
}
