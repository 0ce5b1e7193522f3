package runtime

import "strings"

type route struct {
	path string
	help Help
	h    func(*Request) Future[*Response]
}

// Route serves HTTP requests for /<id><path> on turns of b. The longest matching path wins; Request.Route tells which.
func Route(b Behavior, path string, help Help, h func(*Request) Future[*Response]) {
	a := b.base()
	a.routes = append(a.routes, route{path, help, h})
}

// Serve implements [Receiver].
func (n *Node) Serve(req *Request) Future[*Response] {
	notFound := Ready(&Response{Status: 404})
	id, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	a := n.find(id)
	if a == nil {
		return notFound
	}
	return a.ask(func() Future[*Response] {
		best := -1
		for i, r := range a.routes {
			path := strings.TrimPrefix(r.path, "/")
			if (rest == path || path == "" || strings.HasPrefix(rest, path+"/")) &&
				(best < 0 || len(r.path) > len(a.routes[best].path)) {
				best = i
			}
		}
		if best < 0 {
			return notFound
		}
		req.Route = a.routes[best].path
		return a.routes[best].h(req)
	})
}

// ask runs f on a turn of a.
func (a *Actor) ask(f func() Future[*Response]) Future[*Response] {
	c := &dispatched[Behavior, Future[*Response]]{
		behavior: a.impl, f: func(Behavior) Future[*Response] { return f() }, entry: entryOf(f),
	}
	a.node.put(a, item{kind: OnCall, cause: a.node.causeHere(), payload: c})
	return Flatten(Future[Future[*Response]]{&c.cell})
}
